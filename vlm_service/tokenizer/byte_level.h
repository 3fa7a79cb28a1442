#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace glyph::vlm {

// Vocabularies of byte-level BPE write each byte as one printable character (GPT-2, encoder.py):
// printable Latin-1 bytes as themselves, the others as U+0100, U+0101, ... in order. Returns the
// bytes `token` stands for; nullopt when it holds a character outside this alphabet.
std::optional<std::string> BytesOfToken(std::string_view token);

}  // namespace glyph::vlm
