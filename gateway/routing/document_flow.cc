#include "gateway/routing/document_flow.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/routing/upstream_error.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

std::shared_ptr<DocumentFlow> DocumentFlow::Create(const FlowServices& services,
                                                   v1::AskRequest request, UpstreamCall call,
                                                   std::shared_ptr<AnswerSink> sink) {
  return std::shared_ptr<DocumentFlow>(
      new DocumentFlow(services, std::move(request), std::move(call), std::move(sink)));
}

DocumentFlow::DocumentFlow(const FlowServices& services, v1::AskRequest request, UpstreamCall call,
                           std::shared_ptr<AnswerSink> sink)
    : services_(services),
      call_(std::move(call)),
      request_(std::move(request)),
      sink_(std::move(sink)),
      answer_(*sink_, services.metrics, services.now,
              {.pages = request_.include_pages(), .source_map = request_.include_source_map()}),
      vlm_outage_(services.recovery, Upstream::kVlm, call_.deadline) {
  for (v1::AskPart& part : *request_.mutable_parts()) {
    if (part.has_text()) continue;
    std::string& source = part.has_image() ? *part.mutable_image()->mutable_data()
                                           : *part.mutable_document()->mutable_text();
    sources_.push_back(std::make_shared<const std::string>(std::exchange(source, {})));
  }
}

void DocumentFlow::RunOnStrand(std::function<void()> work) {
  strand_.Post([self = shared_from_this(), work = std::move(work)] {
    if (!self->ended_) work();
  });
}

Poster DocumentFlow::PostInTry() {
  return [self = weak_from_this(), wanted = num_retries_](std::function<void()> work) {
    const auto flow = self.lock();
    if (flow == nullptr) return;
    flow->RunOnStrand([flow = flow.get(), wanted, work = std::move(work)] {
      if (flow->num_retries_ == wanted) work();
    });
  };
}

void DocumentFlow::Start() {
  RunOnStrand([this] { BeginTry(); });
}

void DocumentFlow::Cancel() {
  RunOnStrand([this] { End(CancelledByClient()); });
}

void DocumentFlow::Resume() {
  RunOnStrand([this] {
    if (pump_) pump_->Resume();
    if (std::exchange(generate_paused_, false)) ReadGenerate();
  });
}

void DocumentFlow::BeginTry() {
  bool has_document = false;
  for (const v1::AskPart& part : request_.parts()) has_document |= part.has_document();
  if (!has_document) return OpenRenders(request_.render());
  services_.profiles.Resolve(
      request_.render(), call_.deadline,
      [this, post = PostInTry()](const absl::StatusOr<v1::RenderOptions>& options) {
        post([this, options] {
          if (!options.ok()) return End(options.status());
          OpenRenders(*options);
        });
      });
}

void DocumentFlow::OpenRenders(const v1::RenderOptions& options) {
  for (int i = 0; i < request_.parts_size(); ++i) {
    if (!request_.parts(i).has_text()) OpenRender(static_cast<uint32_t>(i), options);
  }
  num_plans_missing_ = renders_.size();
  if (renders_.empty()) return StartGenerate();
  for (const auto& render : renders_) {
    render->Next(
        [this](const absl::StatusOr<v1::RenderResponse>& event) { HandlePlan(event.status()); });
  }
}

void DocumentFlow::OpenRender(uint32_t part_index, const v1::RenderOptions& options) {
  const bool is_image = request_.parts(static_cast<int>(part_index)).has_image();
  v1::RenderStart start;
  start.set_request_id(request_.request_id());
  start.set_kind(is_image ? v1::SOURCE_KIND_IMAGE : v1::SOURCE_KIND_TEXT);
  if (!is_image) *start.mutable_options() = options;
  PartRender::Job job = {
      std::move(start), sources_[renders_.size()], call_, part_index,
      absl::StrCat("parts[", part_index, "].", is_image ? "image.data" : "document.text")};
  renders_.push_back(std::make_unique<PartRender>(services_, std::move(job), PostInTry()));
}

void DocumentFlow::HandlePlan(const absl::Status& status) {
  if (ended_) return;
  if (!status.ok()) return End(status);
  if (--num_plans_missing_ == 0) StartGenerate();
}

void DocumentFlow::StartGenerate() {
  absl::StatusOr<PromptPlan> plan = PlanPrompt(request_, renders_);
  if (!plan.ok()) return End(plan.status());
  if (!answer_.AddPlan(std::move(plan->plan))) return End(ChangedError(Upstream::kVlm));
  for (const uint32_t id : answer_.BeginTry()) plan->start.add_forced_output_ids(id);
  StreamListener<v1::GenerateResponse> listener;
  listener.on_event = [this, post = PostInTry()](v1::GenerateResponse event) {
    post([this, event = std::move(event)]() mutable { HandleGenerate(std::move(event)); });
  };
  listener.on_done = [this, post = PostInTry()](const absl::Status& status) {
    post([this, status] { HandleGenerateDone(status); });
  };
  generate_ = services_.vlm.Generate(call_, std::move(listener));
  v1::GenerateRequest request;
  *request.mutable_start() = std::move(plan->start);
  // One key's answers must not tell, by their speed, what another one asked.
  if (call_.caller != nullptr) request.mutable_start()->set_tenant_salt(call_.caller->name());
  generate_->Write(std::move(request), nullptr);
  ReadGenerate();
  pump_.emplace(std::move(plan->sources), answer_, *generate_, PostInTry(),
                [this](const absl::Status& status) { HandlePagesEnd(status); });
  pump_->Start();
}

void DocumentFlow::HandlePagesEnd(const absl::Status& status) {
  if (!status.ok()) return End(status);
  // The bounds promised pages, the documents turned out blank: the model must not see them.
  if (pump_->num_pages() == 0 && !renders_.empty()) return End(EmptyDocumentError());
  pages_complete_ = true;
  generate_->WritesDone();
}

void DocumentFlow::ReadGenerate() {
  generate_paused_ = answer_.congested();
  was_paused_ |= generate_paused_;
  if (!generate_paused_) generate_->Read();
}

void DocumentFlow::HandleGenerate(v1::GenerateResponse event) {
  absl::Status status;
  switch (event.event_case()) {
    case v1::GenerateResponse::kPageDecision:
      status = pump_->HandleDecision(event.page_decision());
      break;
    case v1::GenerateResponse::kPageEncoded:
      answer_.AddEncodedPage(event.page_encoded());
      break;
    case v1::GenerateResponse::kTokens:
      ChargeTokens(charged_tokens_ + static_cast<uint64_t>(event.tokens().tokens_size()));
      if (!answer_.AddTokens(std::move(*event.mutable_tokens()))) {
        status = ChangedError(Upstream::kVlm);
      }
      break;
    case v1::GenerateResponse::kSampleFinished:
      answer_.AddSampleFinished(event.sample_finished());
      break;
    case v1::GenerateResponse::kFinished:
      finished_ = std::move(*event.mutable_finished());
      ChargeTokens(finished_->prompt_tokens() + finished_->output_tokens());
      break;
    case v1::GenerateResponse::kAdmitted:
      ChargeTokens(event.admitted().reserved_tokens());
      repeatable_ = event.admitted().greedy();
      break;
    case v1::GenerateResponse::EVENT_NOT_SET:
      break;
  }
  if (!status.ok()) return End(status);
  if (!ended_) ReadGenerate();
}

void DocumentFlow::ChargeTokens(uint64_t total) {
  if (call_.caller == nullptr) return;
  call_.caller->SpendTokens(static_cast<int64_t>(total) - static_cast<int64_t>(charged_tokens_));
  charged_tokens_ = total;
}

void DocumentFlow::HandleGenerateDone(const absl::Status& status) {
  if (finished_ && pages_complete_) {  // whatever becomes of the connection
    answer_.Finish(*finished_);
    return End(absl::OkStatus());
  }
  // The model cuts a call that is not read, and gRPC tells it as a mere cancellation.
  if (was_paused_ && status.code() == absl::StatusCode::kCancelled) return End(SlowReader());
  if (!status.ok()) {
    const std::string page_source = pump_ ? pump_->source_path() : "parts";
    const absl::Status error =
        WithGenerateFields(FromUpstream(Upstream::kVlm, status), page_source);
    // The service may not have noticed yet that the try before is over, and know the request's id.
    const bool is_held = num_retries_ > 0 && absl::IsAlreadyExists(status);
    return UpstreamIsAway(status) || is_held ? TryAgain(error) : End(error);
  }
  End(ProtocolError(Upstream::kVlm, "the stream ended early"));
}

void DocumentFlow::TryAgain(const absl::Status& error) {
  if (!CanContinue()) return End(error);
  if (answer_.num_news() > std::exchange(news_at_break_, answer_.num_news())) {
    vlm_outage_.Progress();
  }
  EndTry();
  const bool again =
      vlm_outage_.TryAgain(answer_.has_text(), [this, error, post = PostInTry()](bool ready) {
        post([this, error, ready] { ready ? BeginTry() : End(error); });
      });
  if (!again) End(error);
}

bool DocumentFlow::CanContinue() {
  if (answer_.has_text() && !sink_->TakeBackDeltas()) {
    return repeatable_ && request_.generation().n() <= 1;
  }
  answer_.ForgetTokens();
  return true;
}

void DocumentFlow::EndTry() {
  ++num_retries_;  // from now on nothing of it is heard
  for (const auto& render : renders_) render->Cancel();
  pump_.reset();
  renders_.clear();
  generate_.reset();
  pages_complete_ = false;
  generate_paused_ = was_paused_ = false;
  finished_.reset();
}

void DocumentFlow::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  for (const auto& render : renders_) render->Cancel();
  if (generate_ != nullptr) generate_->Cancel();
  LogEnd(status);
  sink_->End(status);
}

void DocumentFlow::LogEnd(const absl::Status& status) const {
  const v1::Usage& usage = answer_.usage();
  base::LogInfo("request_ended", {{"request_id", request_.request_id()},
                                  {"outcome", absl::StatusCodeToString(status.code())},
                                  {"reason", rpc::GetErrorDetails(status).reason},
                                  {"characters", absl::StrCat(usage.characters())},
                                  {"pages", absl::StrCat(usage.pages())},
                                  {"output_tokens", absl::StrCat(usage.output_tokens())},
                                  {"retries", absl::StrCat(num_retries_)},
                                  {"total_ms", absl::StrCat(answer_.ElapsedMillis())}});
}

}  // namespace glyph::gateway
