#include "vlm_service/tokenizer/split_pattern.h"

#include <utility>

#include "proto/base/utf8.h"
#include "proto/rpc/error.h"
#include "vlm_service/tokenizer/known_patterns.h"

namespace glyph::vlm {

SplitPattern::SplitPattern(std::variant<EndOfMatch, Pcre2Pattern> matcher)
    : matcher_(std::move(matcher)) {}

SplitPattern SplitPattern::Gpt2() { return SplitPattern(&EndOfGpt2Match); }

absl::StatusOr<SplitPattern> SplitPattern::Create(const std::string& regex) {
  if (regex == kGpt2Pattern) return Gpt2();
  if (regex == kGpt4Pattern) return SplitPattern(&EndOfGpt4Match);
  GLYPH_ASSIGN_OR_RETURN(Pcre2Pattern pattern, Pcre2Pattern::Compile(regex));
  return SplitPattern(std::move(pattern));
}

void SplitPattern::ForEachPiece(std::string_view text, EmitPiece emit) const {
  if (const auto* end_of_match = std::get_if<EndOfMatch>(&matcher_)) {
    for (size_t position = 0; position < text.size();) {
      const size_t end = (*end_of_match)(text, position);
      emit(text.substr(position, end - position), /*is_match=*/true);
      position = end;
    }
    return;
  }
  while (!text.empty()) {
    const size_t valid = base::ValidUtf8Prefix(text);
    SplitBy(std::get<Pcre2Pattern>(matcher_), text.substr(0, valid), emit);
    if (valid < text.size()) emit(text.substr(valid, 1), /*is_match=*/false);
    text.remove_prefix(valid < text.size() ? valid + 1 : valid);
  }
}

void SplitPattern::SplitBy(const Pcre2Pattern& pattern, std::string_view text, EmitPiece emit) {
  size_t position = 0;
  while (position < text.size()) {
    const auto match = pattern.Find(text, position);
    if (!match) break;
    if (position < match->begin) emit(text.substr(position, match->begin - position), false);
    emit(text.substr(match->begin, match->end - match->begin), true);
    position = match->end;
  }
  if (position < text.size()) emit(text.substr(position), false);
}

}  // namespace glyph::vlm
