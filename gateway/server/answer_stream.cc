#include "gateway/server/answer_stream.h"

namespace glyph::gateway {

void AnswerStream::Emit(v1::AskResponse event) {
  base::MutexLock lock(mutex_);
  if (broken_ || end_status_) return;
  queued_bytes_ += event.ByteSizeLong();
  if (!Merge(event)) queue_.push_back(std::move(event));
  if (!writing_) WriteNext();
}

bool AnswerStream::congested() const {
  base::MutexLock lock(mutex_);
  return queued_bytes_ > kCongestedBytes;
}

void AnswerStream::End(const absl::Status& status) {
  base::MutexLock lock(mutex_);
  if (end_status_) return;
  end_status_ = status;
  if (!writing_) WriteNext();
}

bool AnswerStream::OnWritten(bool ok) {
  base::MutexLock lock(mutex_);
  const bool was_congested = queued_bytes_ > kCongestedBytes;
  if (!ok) {
    broken_ = true;
    queue_.clear();
    queued_bytes_ = 0;
  }
  WriteNext();
  return was_congested && queued_bytes_ <= kCongestedBytes;
}

bool AnswerStream::Merge(const v1::AskResponse& event) {
  if (!event.has_delta()) return false;
  const v1::AskDelta& delta = event.delta();
  for (auto queued = queue_.rbegin(); queued != queue_.rend() && queued->has_delta(); ++queued) {
    v1::AskDelta& last = *queued->mutable_delta();
    if (last.sample() != delta.sample()) continue;
    if (last.text().size() + delta.text().size() > kMaxDeltaBytes) return false;
    if (last.logprobs_size() + delta.logprobs_size() > kMaxDeltaLogprobs) return false;
    last.mutable_text()->append(delta.text());
    last.mutable_token_ids()->MergeFrom(delta.token_ids());
    last.mutable_logprobs()->MergeFrom(delta.logprobs());
    return true;
  }
  return false;
}

void AnswerStream::WriteNext() {
  writing_ = !queue_.empty();
  if (writing_) {
    in_flight_ = std::move(queue_.front());
    queue_.pop_front();
    const size_t bytes = in_flight_.ByteSizeLong();
    queued_bytes_ -= bytes < queued_bytes_ ? bytes : queued_bytes_;
    if (queue_.empty()) queued_bytes_ = 0;
    transport_.write(in_flight_);
  } else if (end_status_) {
    transport_.finish(*end_status_);
  }
}

}  // namespace glyph::gateway
