#include "vlm_service/server/output_queue.h"

#include <utility>

namespace glyph::vlm {
namespace {

// Index, id and bookkeeping of one token; one of its likeliest tokens.
constexpr size_t kTokenOverheadBytes = 16;
constexpr size_t kLogprobBytes = 16;

size_t BytesOf(const v1::Token& token) {
  return kTokenOverheadBytes + token.text().size() +
         static_cast<size_t>(token.top_logprobs_size()) * kLogprobBytes;
}

}  // namespace

void OutputQueue::PushToken(const TokenEvent& event, bool with_logprobs) {
  if (responses_.empty() || !responses_.back().has_tokens()) responses_.emplace_back();
  v1::Token* token = responses_.back().mutable_tokens()->add_tokens();
  token->set_sample(static_cast<uint32_t>(event.sample));
  token->set_index(static_cast<uint32_t>(event.index));
  token->set_id(static_cast<uint32_t>(event.id));
  token->set_text(event.text);
  if (with_logprobs) {
    token->set_logprob(event.logprob);
    for (const TokenLogprob& top : event.top_logprobs) {
      v1::TokenLogprob* proto = token->add_top_logprobs();
      proto->set_token_id(static_cast<uint32_t>(top.token));
      proto->set_logprob(top.logprob);
    }
  }
  token_bytes_ += BytesOf(*token);
}

void OutputQueue::Push(v1::GenerateResponse response) { responses_.push_back(std::move(response)); }

v1::GenerateResponse OutputQueue::Pop() {
  v1::GenerateResponse response = std::move(responses_.front());
  responses_.pop_front();
  for (const v1::Token& token : response.tokens().tokens()) {
    token_bytes_ -= BytesOf(token);
  }
  return response;
}

void OutputQueue::Clear() {
  responses_.clear();
  token_bytes_ = 0;
}

}  // namespace glyph::vlm
