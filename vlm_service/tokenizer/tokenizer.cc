#include "vlm_service/tokenizer/tokenizer.h"

#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/base/utf8.h"
#include "vlm_service/tokenizer/tokenizer_file.h"

namespace glyph::vlm {
namespace {

// The whole file, but never more than one byte over the limit.
absl::StatusOr<std::string> ReadTokenizerFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError("the model folder has no readable tokenizer.json");
  std::string text;
  std::vector<char> chunk(1 << 20);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), file.gcount() > 0) {
    text.append(chunk.data(), static_cast<size_t>(file.gcount()));
    if (text.size() > kMaxTokenizerFileBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer.json is over the limit of ", kMaxTokenizerFileBytes, " bytes"));
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::string& model_dir) {
  auto text = ReadTokenizerFile(absl::StrCat(model_dir, "/tokenizer.json"));
  if (!text.ok()) return text.status();
  auto parts = ParseTokenizerFile(*text);
  if (!parts.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: ", parts.status().message()));
  }
  return std::make_unique<Tokenizer>(*std::move(parts));
}

std::vector<int32_t> Tokenizer::EncodeText(std::string_view utf8) const {
  std::vector<int32_t> ids;
  parts_.pre_tokenizer.ForEachWord(utf8,
                                   [&](std::string_view word) { parts_.model.Encode(word, ids); });
  return ids;
}

std::vector<int32_t> Tokenizer::EncodeWithAddedTokens(std::string_view utf8) const {
  std::vector<int32_t> ids;
  for (const AddedTokens::Piece& piece : parts_.added_tokens.Split(utf8)) {
    if (piece.id) {
      ids.push_back(*piece.id);
      continue;
    }
    const std::vector<int32_t> text_ids = EncodeText(piece.text);
    ids.insert(ids.end(), text_ids.begin(), text_ids.end());
  }
  return ids;
}

std::optional<int32_t> Tokenizer::AddedTokenId(std::string_view content) const {
  return parts_.added_tokens.IdOf(content);
}

std::string_view Tokenizer::TokenBytes(int32_t id) const {
  if (id < 0 || id >= num_tokens() || parts_.added_tokens.IsSpecial(id)) return {};
  return parts_.token_bytes[id];
}

std::string Tokenizer::Decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (id < 0 || id >= num_tokens()) continue;
    if (skip_special && parts_.added_tokens.IsSpecial(id)) continue;
    bytes += parts_.token_bytes[id];
  }
  uint64_t replaced_bytes = 0;
  return base::ReplaceInvalidUtf8(bytes, replaced_bytes);
}

}  // namespace glyph::vlm
