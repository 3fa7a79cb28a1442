#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace glyph::gateway {

// Host memory of one process, bytes.
struct ProcessMemory {
  uint64_t resident_bytes = 0;
  uint64_t peak_bytes = 0;  // since the start of the process
};

// Reads VmRSS and VmHWM from the text of /proc/PID/status; nullopt when one is missing.
std::optional<ProcessMemory> ParseProcessStatus(std::string_view status);

// This process; nullopt where /proc is not mounted.
std::optional<ProcessMemory> ReadProcessMemory();

}  // namespace glyph::gateway
