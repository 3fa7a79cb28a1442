#pragma once
#include <cstddef>
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

// How a log file is kept small.
struct LogRotation {
  size_t max_file_bytes = size_t{64} << 20;  // positive; a line that is longer has its own file
  size_t max_old_files = 4;                  // "glyph.1.log" is the youngest of "glyph.log"
};

// Sends the log to `file` (appending) instead of stderr. A line that would make it larger than
// `rotation` allows begins a new file. Empty: stderr. UNAVAILABLE when it cannot be opened.
absl::Status OpenLog(const std::string& file, const LogRotation& rotation = {});

void LogInfo(std::string_view event, LogFields fields = {});
void LogWarning(std::string_view event, LogFields fields = {});
void LogError(std::string_view event, LogFields fields = {});

}  // namespace glyph::base
