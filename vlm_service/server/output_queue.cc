#include "vlm_service/server/output_queue.h"

#include <utility>

namespace glyph::vlm {
namespace {

// Index, id and bookkeeping of one token.
constexpr size_t kTokenOverheadBytes = 16;

}  // namespace

void OutputQueue::PushToken(const TokenEvent& event) {
  if (responses_.empty() || !responses_.back().has_tokens()) responses_.emplace_back();
  v1::Token* token = responses_.back().mutable_tokens()->add_tokens();
  token->set_index(static_cast<uint32_t>(event.index));
  token->set_id(static_cast<uint32_t>(event.id));
  token->set_text(event.text);
  token_bytes_ += event.text.size() + kTokenOverheadBytes;
}

void OutputQueue::Push(v1::GenerateResponse response) { responses_.push_back(std::move(response)); }

v1::GenerateResponse OutputQueue::Pop() {
  v1::GenerateResponse response = std::move(responses_.front());
  responses_.pop_front();
  for (const v1::Token& token : response.tokens().tokens()) {
    token_bytes_ -= token.text().size() + kTokenOverheadBytes;
  }
  return response;
}

void OutputQueue::Clear() {
  responses_.clear();
  token_bytes_ = 0;
}

}  // namespace glyph::vlm
