#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

// Structured log: one JSON object a line, {"time","level","event",fields...}. Never text of a
// document, prompt or answer: log ids, counts and reasons. Thread-safe.
//   LogInfo("request_finished", {{"request_id", id}, {"output_tokens", absl::StrCat(n)}});
namespace glyph::base {

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// Sends the log to `file` (appending) instead of stderr. Empty: stderr. UNAVAILABLE when it cannot
// be opened.
absl::Status OpenLog(const std::string& file);

void LogInfo(std::string_view event, LogFields fields = {});
void LogWarning(std::string_view event, LogFields fields = {});
void LogError(std::string_view event, LogFields fields = {});

}  // namespace glyph::base
