#include "vlm_service/kv_cache/block_hash.h"

#include <cstring>

#include "proto/base/sha256.h"

namespace glyph::vlm {
namespace {

template <typename T>
void Append(std::string& record, const T& value) {
  record.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

ContentHash HashOf(std::string_view record) {
  const base::Sha256Digest digest = base::Sha256().Update(record).Finish();
  ContentHash hash;
  static_assert(sizeof(hash.words) <= sizeof(digest));
  std::memcpy(hash.words.data(), digest.data(), sizeof(hash.words));
  return hash;
}

}  // namespace

ContentHash HashPage(const PageIdentity& page) {
  std::string record = "page";
  record.append(reinterpret_cast<const char*>(page.key.data()), page.key.size());
  Append(record, page.width);
  Append(record, page.height);
  Append(record, page.channels);
  Append(record, page.uploaded);
  record += page.salt;  // last: it has no fixed length
  return HashOf(record);
}

ContentHash ChainStart(std::string_view salt) { return HashOf(std::string("chain") += salt); }

BlockHasher::BlockHasher(const ContentHash& previous) {
  record_.reserve(256);  // a block of tokens in one piece
  record_ = "block";
  Append(record_, previous);
}

void BlockHasher::AddTokens(std::span<const int32_t> ids) {
  record_ += 't';
  Append(record_, static_cast<int64_t>(ids.size()));
  record_.append(reinterpret_cast<const char*>(ids.data()), ids.size_bytes());
}

void BlockHasher::AddPage(const ContentHash& page, int64_t first_row, int64_t num_tokens) {
  record_ += 'p';
  Append(record_, page);
  Append(record_, first_row);
  Append(record_, num_tokens);
}

ContentHash BlockHasher::Finish() const { return HashOf(record_); }

}  // namespace glyph::vlm
