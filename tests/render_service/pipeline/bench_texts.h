#pragma once
#include <cstddef>
#include <string>

namespace glyph::render {

// Texts of about `bytes` bytes, the same at each call.
std::string EnglishProse(size_t bytes);  // common words by their frequency, in paragraphs
std::string ChineseProse(size_t bytes);  // 3,000 ideographs, some much more often than others
std::string Markdown(size_t bytes);      // headings, prose, lists, tables and code
std::string Devanagari(size_t bytes);    // every line has to be shaped
std::string Arabic(size_t bytes);        // from right to left, with numbers

}  // namespace glyph::render
