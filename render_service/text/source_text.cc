#include "render_service/text/source_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"
#include "render_service/text/decode.h"

namespace glyph::render {
namespace {

constexpr char kField[] = "document.text";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status InvalidUtf8(size_t offset) {
  return rpc::InvalidArgument(
      "INVALID_UTF8", kField,
      absl::StrCat("byte ", offset,
                   " of document.text does not continue valid UTF-8; send UTF-8, or set "
                   "lenient_utf8 to replace such bytes by U+FFFD"));
}

}  // namespace

absl::StatusOr<SourceText> SourceText::Create(std::string bytes, bool lenient) {
  const size_t size = bytes.size();
  SourceCheck check(std::move(bytes), lenient);
  GLYPH_RETURN_IF_ERROR(check.Advance(size).status());
  return std::move(check).Take();
}

absl::StatusOr<bool> SourceCheck::Advance(size_t max_bytes) {
  const std::string_view bytes = text_.bytes();
  if (bytes.size() > kMaxSourceBytes) {
    return rpc::InvalidArgument("INPUT_TOO_LARGE", kField,
                                absl::StrCat("document.text has more than the limit of ",
                                             kMaxSourceBytes, " bytes; split the document"));
  }
  const size_t end = num_checked_ + std::min(max_bytes, bytes.size() - num_checked_);
  while (num_checked_ < end) {
    const std::string_view piece = bytes.substr(num_checked_, end - num_checked_);
    const std::string_view valid = piece.substr(0, base::ValidUtf8Prefix(piece));
    text_.num_characters_ += base::CountCharacters(valid);
    num_checked_ += valid.size();
    if (num_checked_ == end) break;
    // Not valid, or only cut by the end of the piece.
    const DecodedCharacter character = DecodeAt(bytes, num_checked_);
    if (!character.valid && !lenient_) return InvalidUtf8(num_checked_);
    if (!character.valid) text_.num_replaced_bytes_ += character.length;
    ++text_.num_characters_;
    num_checked_ += character.length;
  }
  if (bytes.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text_.content_begin_ = kByteOrderMark.size();
  }
  return num_checked_ == bytes.size();
}

}  // namespace glyph::render
