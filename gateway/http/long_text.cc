#include "gateway/http/long_text.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/utf8.h"

namespace glyph::gateway {
namespace {

using Kind = ChatPiece::Kind;

bool IsLong(std::string_view text, int64_t threshold) {
  return text.size() > static_cast<uint64_t>(threshold) &&
         base::CountCharacters(text) > static_cast<uint64_t>(threshold);
}

// Where the last paragraph of `text` begins; 0 when it is the only one.
size_t LastParagraph(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view visible = text.substr(0, end + 1);
  const size_t unix_break = visible.rfind("\n\n"), dos_break = visible.rfind("\n\r\n");
  const size_t after_unix = unix_break == std::string_view::npos ? 0 : unix_break + 2;
  const size_t after_dos = dos_break == std::string_view::npos ? 0 : dos_break + 3;
  return std::max(after_unix, after_dos);
}

bool IsQuestion(std::string_view text) {
  return base::CountCharacters(text) <= kMaxQuestionCharacters;
}

// Adds the user's last text: its last paragraph may be the question.
void AddLast(ChatPiece piece, int64_t threshold, std::vector<ChatPiece>& out) {
  const size_t begin = LastParagraph(piece.bytes);
  const bool follows_something =
      begin > 0 || std::any_of(out.begin(), out.end(),
                               [](const auto& p) { return p.is_user && !p.bytes.empty(); });
  if (!follows_something || !IsQuestion(std::string_view(piece.bytes).substr(begin))) {
    piece.kind = Kind::kDocument;
    return out.push_back(std::move(piece));
  }
  ChatPiece question = piece;
  question.bytes.erase(0, begin);
  piece.bytes.erase(begin);
  if (IsLong(piece.bytes, threshold)) {
    piece.kind = Kind::kDocument;
    out.push_back(std::move(piece));
  } else {
    question.bytes.insert(0, piece.bytes);
  }
  out.push_back(std::move(question));
}

}  // namespace

std::vector<ChatPiece> DrawLongTexts(std::vector<ChatPiece> pieces, RenderMode mode,
                                     int64_t threshold) {
  if (mode == RenderMode::kNever) return pieces;
  if (mode == RenderMode::kAlways) threshold = 0;
  const auto is_user_text = [](const ChatPiece& p) { return p.is_user && p.kind == Kind::kText; };
  const auto last = std::find_if(pieces.rbegin(), pieces.rend(), is_user_text);
  std::vector<ChatPiece> out;
  for (ChatPiece& piece : pieces) {
    if (!is_user_text(piece) || !IsLong(piece.bytes, threshold)) {
      out.push_back(std::move(piece));
    } else if (&piece == &*last) {
      AddLast(std::move(piece), threshold, out);
    } else {
      piece.kind = Kind::kDocument;
      out.push_back(std::move(piece));
    }
  }
  return out;
}

}  // namespace glyph::gateway
