#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace glyph::vlm {

// A token that is found in text as a whole, before any splitting (tokenizer.json, added_tokens).
struct AddedToken {
  int32_t id = 0;
  std::string content;       // not empty
  bool single_word = false;  // only between characters that are no part of a word
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool normalized = false;   // looked for after those that are not
  bool special = false;      // may be left out when decoding
};

// Finds added tokens in text (tokenizers, tokenizer/added_vocabulary.rs). Immutable, thread-safe.
class AddedTokens {
 public:
  // A piece of text: an added token, or what lies between them.
  struct Piece {
    std::optional<int32_t> id;
    std::string_view text;
  };

  // No two tokens share an id or a content.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // The pieces of `text`, in order; they point into it.
  std::vector<Piece> Split(std::string_view text) const;

  std::optional<int32_t> IdOf(std::string_view content) const;
  bool IsSpecial(int32_t id) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  // Tokens to look for together, as a tree of their bytes.
  struct Trie {
    struct Node {
      std::map<uint8_t, size_t> next;
      std::optional<size_t> token;  // index into tokens_
    };
    std::vector<Node> nodes = std::vector<Node>(1);

    void Add(std::string_view content, size_t token);
    // The longest token that begins at text[position].
    std::optional<size_t> LongestAt(std::string_view text, size_t position) const;
  };

  void SplitBy(const Trie& trie, std::string_view text, std::vector<Piece>& pieces) const;

  std::vector<AddedToken> tokens_;
  std::map<std::string, size_t, std::less<>> by_content_;  // into tokens_
  std::map<int32_t, size_t> by_id_;                        // into tokens_
  Trie plain_;
  Trie normalized_;
};

}  // namespace glyph::vlm
