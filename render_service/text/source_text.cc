#include "render_service/text/source_text.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"
#include "render_service/text/decode.h"

namespace glyph::render {
namespace {

constexpr char kField[] = "document.text";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

absl::StatusOr<SourceText> SourceText::Create(std::string bytes, bool lenient) {
  if (bytes.size() > kMaxSourceBytes) {
    return rpc::InvalidArgument("INPUT_TOO_LARGE", kField,
                                absl::StrCat("document.text has more than the limit of ",
                                             kMaxSourceBytes, " bytes; split the document"));
  }
  SourceText text(std::move(bytes));
  const size_t valid = base::ValidUtf8Prefix(text.bytes_);
  if (valid != text.bytes_.size() && !lenient) {
    return rpc::InvalidArgument(
        "INVALID_UTF8", kField,
        absl::StrCat("byte ", valid,
                     " of document.text does not continue valid UTF-8; send UTF-8, or set "
                     "lenient_utf8 to replace such bytes by U+FFFD"));
  }
  text.num_characters_ = base::CountCharacters(text.bytes().substr(0, valid));
  for (size_t i = valid; i < text.bytes_.size();) {
    const DecodedCharacter character = DecodeAt(text.bytes_, i);
    if (!character.valid) text.num_replaced_bytes_ += character.length;
    ++text.num_characters_;
    i += character.length;
  }
  if (text.bytes().substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.content_begin_ = kByteOrderMark.size();
  }
  return text;
}

}  // namespace glyph::render
