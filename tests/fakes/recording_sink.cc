#include "tests/fakes/recording_sink.h"

#include <utility>

#include "proto/base/check.h"
#include "proto/base/utf8.h"

namespace glyph::vlm {

RecordingSink::RecordingSink(std::function<void(int64_t)> on_token)
    : on_token_(std::move(on_token)) {}

void RecordingSink::OnAdmitted(const AdmittedEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(!admission_ && !end_);
  admission_ = event;
  changed_.NotifyAll();
}

void RecordingSink::OnPageEncoded(const PageEncodedEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(admission_ && tokens_.empty() && !end_);
  GLYPH_CHECK(event.page_index == static_cast<int32_t>(pages_.size()));
  pages_.push_back(event);
  changed_.NotifyAll();
}

void RecordingSink::OnToken(const TokenEvent& event) {
  {
    base::MutexLock lock(mutex_);
    GLYPH_CHECK(admission_ && !end_);
    GLYPH_CHECK(event.index == static_cast<int64_t>(tokens_.size()));
    GLYPH_CHECK(base::ValidUtf8Prefix(event.text) == event.text.size());
    tokens_.push_back(event.id);
    text_ += event.text;
    changed_.NotifyAll();
  }
  on_token_(event.index);
}

void RecordingSink::OnFinished(const FinishedEvent& event) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(admission_ && event.output_tokens == static_cast<int64_t>(tokens_.size()));
  text_ += event.tail_text;
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

void RecordingSink::AwaitPages(size_t count) {
  base::MutexLock lock(mutex_);
  while (pages_.size() < count && !end_) changed_.Wait(mutex_);
}

void RecordingSink::AwaitTokens(size_t count) {
  base::MutexLock lock(mutex_);
  while (tokens_.size() < count && !end_) changed_.Wait(mutex_);
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

std::vector<int32_t> RecordingSink::tokens() const {
  base::MutexLock lock(mutex_);
  return tokens_;
}

std::vector<PageEncodedEvent> RecordingSink::pages() const {
  base::MutexLock lock(mutex_);
  return pages_;
}

std::string RecordingSink::text() const {
  base::MutexLock lock(mutex_);
  return text_;
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
