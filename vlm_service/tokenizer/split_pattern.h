#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "vlm_service/tokenizer/pcre2_pattern.h"

namespace glyph::vlm {

// Cuts text into the matches of a regular expression and the gaps between them. Immutable and
// thread-safe.
class SplitPattern {
 public:
  using EmitPiece = absl::FunctionRef<void(std::string_view piece, bool is_match)>;

  // INVALID_ARGUMENT as Pcre2Pattern::Compile, for patterns that are not in known_patterns.h.
  static absl::StatusOr<SplitPattern> Create(const std::string& regex);

  // What ByteLevel splits by.
  static SplitPattern Gpt2();

  // Calls `emit` for consecutive pieces, none of them empty, that make up `text`. Invalid UTF-8 is
  // a piece of its own (PCRE2) or counts as punctuation (known patterns). When PCRE2 gives up at
  // its match limit, the rest of the text is one gap.
  void ForEachPiece(std::string_view text, EmitPiece emit) const;

 private:
  using EndOfMatch = size_t (*)(std::string_view text, size_t position);

  explicit SplitPattern(std::variant<EndOfMatch, Pcre2Pattern> matcher);
  static void SplitBy(const Pcre2Pattern& pattern, std::string_view text, EmitPiece emit);

  std::variant<EndOfMatch, Pcre2Pattern> matcher_;
};

}  // namespace glyph::vlm
