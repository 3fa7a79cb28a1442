#include "tests/fakes/recording_sink.h"

#include <utility>

#include "proto/base/check.h"
#include "proto/base/utf8.h"

namespace glyph::vlm {

RecordingSink::RecordingSink(std::function<void(const TokenEvent&)> on_token, int64_t num_forced)
    : on_token_(std::move(on_token)), num_forced_(num_forced) {}

void RecordingSink::OnAdmitted(const AdmittedEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!admission_ && !end_);
  admission_ = event;
  changed_.NotifyAll();
}

void RecordingSink::OnPageDecision(const PageDecisionEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(admission_ && num_tokens_ == 0 && !end_);
  GLYPH_CHECK(event.page_index == static_cast<int32_t>(decisions_.size()));
  decisions_.push_back(event);
  changed_.NotifyAll();
}

void RecordingSink::OnPageEncoded(const PageEncodedEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(admission_ && num_tokens_ == 0 && !end_);
  GLYPH_CHECK(event.page_index == static_cast<int32_t>(pages_.size()));
  GLYPH_CHECK(pages_.size() < decisions_.size());
  pages_.push_back(event);
  changed_.NotifyAll();
}

void RecordingSink::OnToken(const TokenEvent& event) {
  {
    base::MutexLock lock(mutex_);
    GLYPH_CHECK(admission_ && !end_ && pages_.size() == decisions_.size());
    Sample& sample = samples_[event.sample];
    GLYPH_CHECK(!sample.finished);
    GLYPH_CHECK(event.index == num_forced_ + static_cast<int64_t>(sample.tokens.size()));
    GLYPH_CHECK(base::ValidUtf8Prefix(event.text) == event.text.size());
    sample.tokens.push_back(event);
    sample.text += event.text;
    ++num_tokens_;
    changed_.NotifyAll();
  }
  on_token_(event);
}

void RecordingSink::OnSampleFinished(const SampleFinishedEvent& event) {
  base::MutexLock lock(mutex_);
  Sample& sample = samples_[event.sample];
  GLYPH_CHECK(!end_ && !sample.finished);
  GLYPH_CHECK(event.output_tokens == num_forced_ + static_cast<int64_t>(sample.tokens.size()));
  sample.text += event.tail_text;
  sample.finished = event;
  changed_.NotifyAll();
}

void RecordingSink::OnFinished(const FinishedEvent& event) {
  base::MutexLock lock(mutex_);
  int64_t num_outputs = 0;
  for (const auto& [index, sample] : samples_) {
    GLYPH_CHECK(sample.finished.has_value());
    num_outputs += sample.finished->output_tokens;
  }
  GLYPH_CHECK(admission_ && !samples_.empty() && event.output_tokens == num_outputs);
  GLYPH_CHECK(event.cached_tokens >= 0 && event.cached_tokens <= event.prompt_tokens);
  finished_ = event;
  End(absl::OkStatus());
}

void RecordingSink::OnError(const absl::Status& status) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!status.ok());
  End(status);
}

void RecordingSink::End(absl::Status status) {
  GLYPH_CHECK(!end_);
  end_ = std::move(status);
  changed_.NotifyAll();
}

void RecordingSink::AwaitAdmitted() {
  base::MutexLock lock(mutex_);
  while (!admission_ && !end_) changed_.Wait(mutex_);
}

std::optional<bool> RecordingSink::AwaitDecision(size_t page) {
  base::MutexLock lock(mutex_);
  while (decisions_.size() <= page && !end_) changed_.Wait(mutex_);
  if (decisions_.size() <= page) return std::nullopt;
  return decisions_[page].have;
}

void RecordingSink::AwaitPages(size_t count) {
  base::MutexLock lock(mutex_);
  while (pages_.size() < count && !end_) changed_.Wait(mutex_);
}

void RecordingSink::AwaitTokens(size_t count) {
  base::MutexLock lock(mutex_);
  while (num_tokens_ < count && !end_) changed_.Wait(mutex_);
}

absl::Status RecordingSink::AwaitEnd() {
  base::MutexLock lock(mutex_);
  while (!end_) changed_.Wait(mutex_);
  return *end_;
}

bool RecordingSink::ended() const {
  base::MutexLock lock(mutex_);
  return end_.has_value();
}

bool RecordingSink::admitted() const {
  base::MutexLock lock(mutex_);
  return admission_.has_value();
}

std::vector<int32_t> RecordingSink::tokens(int32_t sample) const {
  std::vector<int32_t> ids;
  for (const TokenEvent& token : this->sample(sample).tokens) ids.push_back(token.id);
  return ids;
}

std::string RecordingSink::text(int32_t sample) const { return this->sample(sample).text; }

RecordingSink::Sample RecordingSink::sample(int32_t sample) const {
  base::MutexLock lock(mutex_);
  const auto found = samples_.find(sample);
  return found == samples_.end() ? Sample{} : found->second;
}

std::vector<PageDecisionEvent> RecordingSink::decisions() const {
  base::MutexLock lock(mutex_);
  return decisions_;
}

std::vector<PageEncodedEvent> RecordingSink::pages() const {
  base::MutexLock lock(mutex_);
  return pages_;
}

std::optional<FinishedEvent> RecordingSink::finished() const {
  base::MutexLock lock(mutex_);
  return finished_;
}

AdmittedEvent RecordingSink::admission() const {
  base::MutexLock lock(mutex_);
  return admission_.value();
}

}  // namespace glyph::vlm
