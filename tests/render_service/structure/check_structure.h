#pragma once
#include <string>
#include <string_view>

namespace glyph::render {

// What the structure of any text must satisfy: the lines and the cells of tables partition it,
// depths and levels are in range, blocks hold one kind of lines, and few bytes are looked at more
// than once. Returns the first violation, or "". For tests and fuzzing.
std::string FindStructureViolation(std::string_view source);

// The structure as text, one line each: "+" where a block begins, kind and level, quote and list
// depth, "item", then marker and content; a row of a table as "[cell]".
std::string DumpStructure(std::string_view source);

}  // namespace glyph::render
