#pragma once
#include <cstddef>
#include <string_view>

// The split patterns of well-known models, matched by hand in linear time: a regex engine without
// Unicode 16 tables would cut new scripts elsewhere, and one that backtracks can be made slow.
namespace glyph::vlm {

// GPT-2; what ByteLevel means by use_regex.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// GPT-4 (cl100k_base) as GLM-4 writes it.
inline constexpr std::string_view kGpt4Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Where the match that begins at text[position] ends. Both patterns match everywhere, so matches
// cover a text without gaps. position < text.size(); a byte of invalid UTF-8 counts as a character
// that is neither letter, number nor space.
size_t EndOfGpt2Match(std::string_view text, size_t position);
size_t EndOfGpt4Match(std::string_view text, size_t position);

}  // namespace glyph::vlm
