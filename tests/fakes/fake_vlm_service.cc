#include "tests/fakes/fake_vlm_service.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"

namespace glyph::fakes {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr uint32_t kTokensOfAPage = 4;
constexpr uint64_t kCachedTokens = 3;

}  // namespace

// One Generate call: queues what it has to say and says it one message at a time.
class FakeVlmService::GenerateCall final
    : public grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse> {
 public:
  explicit GenerateCall(FakeVlmService& service) : service_(service) { StartRead(&request_); }

 private:
  void OnReadDone(bool ok) override {
    base::MutexLock lock(mutex_);
    if (!ok) {
      Answer();
    } else if (request_.has_start()) {
      Begin();
    } else if (request_.has_offer()) {
      DecideOffer();
    } else {
      TakeStrip();
    }
    SendNext();
    if (ok && !ended_) StartRead(&request_);
  }

  void OnWriteDone(bool ok) override {
    base::MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) return End(grpc::Status::CANCELLED);
    SendNext();
  }

  void OnCancel() override {
    {
      base::MutexLock lock(service_.mutex_);
      ++service_.num_cancelled_;
      service_.changed_.NotifyAll();
    }
    base::MutexLock lock(mutex_);
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

  void Begin() GLYPH_REQUIRES(mutex_) {
    queue_.emplace_back().mutable_admitted()->set_request_id(request_.start().request_id());
    base::MutexLock lock(service_.mutex_);
    behaviour_ = service_.behaviour_;
    start_ = request_.start();
    service_.starts_.push_back(request_.start());
    service_.changed_.NotifyAll();
  }

  void DecideOffer() GLYPH_REQUIRES(mutex_) {
    page_ = request_.offer().page();
    page_rows_ = 0;
    bool have = false;
    if (behaviour_.keeps_pages) {
      base::MutexLock lock(service_.mutex_);
      have = service_.page_keys_.contains(page_.page_key());
    }
    v1::PageDecision& decision = *queue_.emplace_back().mutable_page_decision();
    decision.set_page_index(page_.page_index());
    decision.set_answer(have ? v1::PAGE_ANSWER_HAVE : v1::PAGE_ANSWER_NEED);
    if (have) AddEncoded();
  }

  void TakeStrip() GLYPH_REQUIRES(mutex_) {
    page_rows_ += static_cast<uint32_t>(request_.strip().pixels().size()) / page_.width_px();
    {
      base::MutexLock lock(service_.mutex_);
      ++service_.num_strips_;
      if (page_rows_ >= page_.height_px()) service_.page_keys_.insert(page_.page_key());
    }
    if (page_rows_ >= page_.height_px()) AddEncoded();
  }

  void AddEncoded() GLYPH_REQUIRES(mutex_) {
    ++num_pages_;
    v1::PageEncoded& encoded = *queue_.emplace_back().mutable_page_encoded();
    encoded.set_page_index(page_.page_index());
    encoded.set_visual_tokens(kTokensOfAPage);
  }

  void Answer() GLYPH_REQUIRES(mutex_) {
    const auto num_tokens = static_cast<uint32_t>(behaviour_.answer.size());
    const uint32_t num_samples = std::max(1u, start_.options().n());
    const auto first = static_cast<uint32_t>(start_.forced_output_ids_size());
    for (uint32_t i = first; i < num_tokens; ++i) {
      v1::Tokens& tokens = *queue_.emplace_back().mutable_tokens();
      for (uint32_t sample = 0; sample < num_samples; ++sample) AddToken(sample, i, tokens);
    }
    for (uint32_t sample = 0; num_samples > 1 && sample < num_samples; ++sample) {
      v1::SampleFinished& finished = *queue_.emplace_back().mutable_sample_finished();
      finished.set_sample(sample);
      finished.set_reason(sample == 0 ? v1::FINISH_REASON_STOP : v1::FINISH_REASON_LENGTH);
      finished.set_output_tokens(num_tokens);
    }
    v1::GenerateFinished& finished = *queue_.emplace_back().mutable_finished();
    finished.set_reason(v1::FINISH_REASON_STOP);
    finished.set_visual_tokens(num_pages_ * kTokensOfAPage);
    finished.set_output_tokens(uint64_t{num_tokens} * num_samples);
    finished.set_cached_tokens(kCachedTokens);
    complete_ = true;
  }

  void AddToken(uint32_t sample, uint32_t index, v1::Tokens& tokens) GLYPH_REQUIRES(mutex_) {
    v1::Token& token = *tokens.add_tokens();
    token.set_sample(sample);
    token.set_index(index);
    token.set_id(100 + index);
    token.set_text(behaviour_.answer[index]);
    if (!start_.options().has_logprobs()) return;
    token.set_logprob(-static_cast<float>(index));
    for (uint32_t i = 0; i < start_.options().logprobs(); ++i) {
      v1::TokenLogprob& top = *token.add_top_logprobs();
      top.set_token_id(token.id() + i);
      top.set_logprob(-static_cast<float>(index + i));
    }
  }

  void SendNext() GLYPH_REQUIRES(mutex_) {
    if (writing_ || ended_ || num_sent_ == behaviour_.hang_after) return;
    if (num_sent_ == behaviour_.fail_after) return End(behaviour_.error);
    if (!queue_.empty()) {
      sending_ = std::move(queue_.front());
      queue_.pop_front();
      writing_ = true;
      ++num_sent_;
      StartWrite(&sending_);
    } else if (complete_) {
      End(grpc::Status::OK);
    }
  }

  void End(const grpc::Status& status) GLYPH_REQUIRES(mutex_) {
    if (!std::exchange(ended_, true)) Finish(status);
  }

  FakeVlmService& service_;
  v1::GenerateRequest request_;
  base::Mutex mutex_;
  Behaviour behaviour_ GLYPH_GUARDED_BY(mutex_);
  v1::GenerateStart start_ GLYPH_GUARDED_BY(mutex_);
  v1::PageHeader page_ GLYPH_GUARDED_BY(mutex_);
  uint32_t page_rows_ GLYPH_GUARDED_BY(mutex_) = 0;
  uint32_t num_pages_ GLYPH_GUARDED_BY(mutex_) = 0;
  std::deque<v1::GenerateResponse> queue_ GLYPH_GUARDED_BY(mutex_);
  v1::GenerateResponse sending_ GLYPH_GUARDED_BY(mutex_);
  size_t num_sent_ GLYPH_GUARDED_BY(mutex_) = 0;
  bool writing_ GLYPH_GUARDED_BY(mutex_) = false;
  bool complete_ GLYPH_GUARDED_BY(mutex_) = false;
  bool ended_ GLYPH_GUARDED_BY(mutex_) = false;
};

// Sends one snapshot and stays open.
class FakeVlmService::StatsCall final : public grpc::ServerWriteReactor<v1::WatchStatsResponse> {
 public:
  StatsCall() {
    stats_.set_running(1);
    stats_.set_kv_blocks_total(8);
    stats_.set_kv_blocks_cached(2);
    StartWrite(&stats_);
  }

 private:
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

  v1::WatchStatsResponse stats_;
};

FakeVlmService::FakeVlmService(int port) {
  model_.set_name("fake");
  model_.set_render_profile_json("{\"fake\":true}");
  rpc::ServerOptions options;
  options.port = port;
  options.service_name = "glyph.v1.VlmService";
  options.drain = absl::ZeroDuration();
  auto server = rpc::ServerRunner::Start(options, {this});
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
  server_->SetServing(true);
}

FakeVlmService::~FakeVlmService() { server_.reset(); }

grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* FakeVlmService::Generate(
    grpc::CallbackServerContext* context) {
  const auto traceparent = context->client_metadata().find("traceparent");
  {
    base::MutexLock lock(mutex_);
    traceparent_.clear();
    if (traceparent != context->client_metadata().end()) {
      traceparent_.assign(traceparent->second.data(), traceparent->second.size());
    }
  }
  return new GenerateCall(*this);
}

grpc::ServerUnaryReactor* FakeVlmService::GetModel(grpc::CallbackServerContext* context,
                                                   const v1::GetModelRequest*,
                                                   v1::GetModelResponse* response) {
  {
    base::MutexLock lock(mutex_);
    ++num_model_calls_;
    *response->mutable_model() = model_;
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* FakeVlmService::CountTokens(grpc::CallbackServerContext* context,
                                                      const v1::CountTokensRequest* request,
                                                      v1::CountTokensResponse* response) {
  response->set_tokens(request->text().size() / 2);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchStatsResponse>* FakeVlmService::WatchStats(
    grpc::CallbackServerContext*, const v1::WatchStatsRequest*) {
  return new StatsCall();
}

void FakeVlmService::SetBehaviour(Behaviour behaviour) {
  base::MutexLock lock(mutex_);
  behaviour_ = std::move(behaviour);
}

void FakeVlmService::SetModel(v1::Model model) {
  base::MutexLock lock(mutex_);
  model_ = std::move(model);
}

void FakeVlmService::SetServing(bool serving) { server_->SetServing(serving); }

std::string FakeVlmService::address() const { return absl::StrCat("127.0.0.1:", port()); }

std::vector<v1::GenerateStart> FakeVlmService::starts() const {
  base::MutexLock lock(mutex_);
  return starts_;
}

std::string FakeVlmService::traceparent() const {
  base::MutexLock lock(mutex_);
  return traceparent_;
}

int FakeVlmService::num_model_calls() const {
  base::MutexLock lock(mutex_);
  return num_model_calls_;
}

int FakeVlmService::num_strips() const {
  base::MutexLock lock(mutex_);
  return num_strips_;
}

bool FakeVlmService::WaitForCancelled(int count) {
  base::MutexLock lock(mutex_);
  while (num_cancelled_ < count) {
    if (!changed_.WaitFor(mutex_, kPatience)) return false;
  }
  return true;
}

bool FakeVlmService::WaitForStarts(size_t count) {
  base::MutexLock lock(mutex_);
  while (starts_.size() < count) {
    if (!changed_.WaitFor(mutex_, kPatience)) return false;
  }
  return true;
}

}  // namespace glyph::fakes
