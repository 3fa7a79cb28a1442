#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace glyph::vlm {

// Turns the bytes of tokens into text a client may see: whole characters only, and nothing that may
// turn out to be the beginning of a stop string. Bytes that are no UTF-8 become U+FFFD. The text
// does not depend on how the bytes were cut into tokens.
// Not thread-safe.
class OutputText {
 public:
  // `stop`: valid UTF-8, none empty; may be none.
  explicit OutputText(std::vector<std::string> stop);

  struct Piece {
    std::string text;      // became certain
    bool stopped = false;  // a stop string is complete; `text` ends before it
  };
  // Adds the bytes of one token. Not to be called again once stopped.
  Piece Append(std::string_view bytes);

  // What was held back, when the output ends without a stop string; U+FFFD for an unfinished
  // character.
  std::string Tail();

 private:
  // Moves whole characters from unfinished_ to held_.
  void TakeCharacters();
  size_t HeldPrefixOfAStop() const;

  std::vector<std::string> stop_;
  std::string unfinished_;  // bytes that are not a whole character yet
  std::string held_;        // valid UTF-8 that may begin a stop string
};

}  // namespace glyph::vlm
