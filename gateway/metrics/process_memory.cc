#include "gateway/metrics/process_memory.h"

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace glyph::gateway {
namespace {

// "VmRSS:	   12345 kB" -> 12345 * 1024.
std::optional<uint64_t> FieldBytes(absl::string_view line, absl::string_view name) {
  if (!absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, ":")) return std::nullopt;
  line = absl::StripAsciiWhitespace(line);
  uint64_t kilobytes = 0;
  if (!absl::ConsumeSuffix(&line, " kB") || !absl::SimpleAtoi(line, &kilobytes)) {
    return std::nullopt;
  }
  return kilobytes * 1024;
}

}  // namespace

std::optional<ProcessMemory> ParseProcessStatus(std::string_view status) {
  std::optional<uint64_t> resident, peak;
  const absl::string_view text(status.data(), status.size());
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (auto bytes = FieldBytes(line, "VmRSS")) resident = bytes;
    if (auto bytes = FieldBytes(line, "VmHWM")) peak = bytes;
  }
  if (!resident || !peak) return std::nullopt;
  return ProcessMemory{*resident, *peak};
}

std::optional<ProcessMemory> ReadProcessMemory() {
  std::ifstream file("/proc/self/status");
  std::ostringstream text;
  text << file.rdbuf();
  return ParseProcessStatus(text.str());
}

}  // namespace glyph::gateway
