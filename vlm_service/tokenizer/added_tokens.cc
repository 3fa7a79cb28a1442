#include "vlm_service/tokenizer/added_tokens.h"

#include <utility>

#include "vlm_service/tokenizer/code_points.h"

namespace glyph::vlm {
namespace {

// Where the last character of `text` begins. text is not empty.
size_t LastCharacter(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool FirstIs(CharClass char_class, std::string_view text) {
  return !text.empty() && (ClassesOf(DecodeCodePoint(text, 0).value) & char_class) != 0;
}

bool LastIs(CharClass char_class, std::string_view text) {
  return !text.empty() && FirstIs(char_class, text.substr(LastCharacter(text)));
}

// Bytes of `text` without the white space at its end.
size_t SizeWithoutTrailingSpace(std::string_view text) {
  while (LastIs(kSpace, text)) text = text.substr(0, LastCharacter(text));
  return text.size();
}

// Bytes of the white space that begins `text`.
size_t LeadingSpace(std::string_view text) {
  size_t size = 0;
  while (FirstIs(kSpace, text.substr(size))) size += DecodeCodePoint(text, size).size_bytes;
  return size;
}

}  // namespace

void AddedTokens::Trie::Add(std::string_view content, size_t token) {
  size_t node = 0;
  for (const char byte : content) {
    const auto [next, inserted] =
        nodes[node].next.emplace(static_cast<uint8_t>(byte), nodes.size());
    node = next->second;
    if (inserted) nodes.emplace_back();
  }
  nodes[node].token = token;
}

std::optional<size_t> AddedTokens::Trie::LongestAt(std::string_view text, size_t position) const {
  std::optional<size_t> longest;
  size_t node = 0;
  for (; position < text.size(); ++position) {
    const auto next = nodes[node].next.find(static_cast<uint8_t>(text[position]));
    if (next == nodes[node].next.end()) break;
    node = next->second;
    if (nodes[node].token) longest = nodes[node].token;
  }
  return longest;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    by_content_.emplace(tokens_[i].content, i);
    by_id_.emplace(tokens_[i].id, i);
    (tokens_[i].normalized ? normalized_ : plain_).Add(tokens_[i].content, i);
  }
}

std::vector<AddedTokens::Piece> AddedTokens::Split(std::string_view text) const {
  std::vector<Piece> first_pass;
  SplitBy(plain_, text, first_pass);
  std::vector<Piece> pieces;
  for (const Piece& piece : first_pass) {
    if (piece.id) {
      pieces.push_back(piece);
    } else {
      SplitBy(normalized_, piece.text, pieces);
    }
  }
  return pieces;
}

void AddedTokens::SplitBy(const Trie& trie, std::string_view text,
                          std::vector<Piece>& pieces) const {
  size_t done = 0;  // bytes that are in `pieces`
  for (size_t position = 0; position < text.size();) {
    const auto match = trie.LongestAt(text, position);
    if (!match) {
      ++position;
      continue;
    }
    const AddedToken& token = tokens_[*match];
    size_t begin = position;
    size_t end = begin + token.content.size();
    position = end;
    if (token.single_word &&
        (LastIs(kWord, text.substr(0, begin)) || FirstIs(kWord, text.substr(end)))) {
      continue;
    }
    if (token.lstrip && done < begin) {
      begin = done + SizeWithoutTrailingSpace(text.substr(done, begin - done));
    }
    if (token.rstrip) end += LeadingSpace(text.substr(end));
    if (done < begin) pieces.push_back({std::nullopt, text.substr(done, begin - done)});
    pieces.push_back({token.id, text.substr(begin, end - begin)});
    done = end;
  }
  if (done < text.size()) pieces.push_back({std::nullopt, text.substr(done)});
}

std::optional<int32_t> AddedTokens::IdOf(std::string_view content) const {
  const auto found = by_content_.find(content);
  if (found == by_content_.end()) return std::nullopt;
  return tokens_[found->second].id;
}

bool AddedTokens::IsSpecial(int32_t id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && tokens_[found->second].special;
}

}  // namespace glyph::vlm
