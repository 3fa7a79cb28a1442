#pragma once
#include <cstdint>

namespace glyph::vlm {

// Names one sequence for the life of the process. Ids grow in the order of arrival.
enum class SequenceId : int64_t {};

}  // namespace glyph::vlm
