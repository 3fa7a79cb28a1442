#pragma once
#include <exception>
#include <string>

namespace glyph::vlm {

// What `error` says, without torch's stack trace: for the log alone, never for a client.
std::string CauseOf(const std::exception& error);

// Whether memory was asked for and not to be had.
bool IsOutOfMemory(const std::exception& error);

}  // namespace glyph::vlm
