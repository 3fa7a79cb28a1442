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
              {.pages = request_.include_pages(), .source_map = request_.include_source_map()}) {}

void DocumentFlow::Post(std::function<void()> work) {
  strand_.Post([self = shared_from_this(), work = std::move(work)] {
    if (!self->ended_) work();
  });
}

void DocumentFlow::Start() {
  Post([this] { ResolveProfile(); });
}

void DocumentFlow::Cancel() {
  Post([this] { End(CancelledByClient()); });
}

void DocumentFlow::Resume() {
  Post([this] {
    if (pump_) pump_->Resume();
    if (std::exchange(generate_paused_, false)) ReadGenerate();
  });
}

void DocumentFlow::ResolveProfile() {
  bool has_document = false;
  for (const v1::AskPart& part : request_.parts()) has_document |= part.has_document();
  if (!has_document) return OpenRenders(request_.render());
  services_.profiles.Resolve(
      request_.render(), call_.deadline,
      [self = shared_from_this()](const absl::StatusOr<v1::RenderOptions>& options) {
        self->Post([flow = self.get(), options] {
          if (!options.ok()) return flow->End(options.status());
          flow->OpenRenders(*options);
        });
      });
}

void DocumentFlow::OpenRenders(const v1::RenderOptions& options) {
  for (int i = 0; i < request_.parts_size(); ++i) {
    v1::AskPart& part = *request_.mutable_parts(i);
    if (!part.has_text()) OpenRender(part, static_cast<uint32_t>(i), options);
  }
  num_plans_missing_ = renders_.size();
  if (renders_.empty()) return StartGenerate();
  for (const auto& render : renders_) {
    render->Next(
        [this](const absl::StatusOr<v1::RenderResponse>& event) { HandlePlan(event.status()); });
  }
}

void DocumentFlow::OpenRender(v1::AskPart& part, uint32_t part_index,
                              const v1::RenderOptions& options) {
  v1::RenderStart start;
  start.set_request_id(request_.request_id());
  start.set_kind(part.has_image() ? v1::SOURCE_KIND_IMAGE : v1::SOURCE_KIND_TEXT);
  if (part.has_document()) *start.mutable_options() = options;
  renders_.push_back(std::make_unique<PartRender>(
      part_index,
      absl::StrCat("parts[", part_index, "].", part.has_image() ? "image.data" : "document.text")));
  PartRender* render = renders_.back().get();
  StreamListener<v1::RenderResponse> listener;
  listener.on_event = [self = shared_from_this(), render](v1::RenderResponse event) {
    self->Post(
        [render, event = std::move(event)]() mutable { render->HandleEvent(std::move(event)); });
  };
  listener.on_done = [self = shared_from_this(), render](const absl::Status& status) {
    self->Post([render, status] { render->HandleDone(status); });
  };
  std::string& source = part.has_image() ? *part.mutable_image()->mutable_data()
                                         : *part.mutable_document()->mutable_text();
  render->Attach(services_.render.Render(std::move(start), std::exchange(source, {}), call_,
                                         std::move(listener)));
}

void DocumentFlow::HandlePlan(const absl::Status& status) {
  if (ended_) return;
  if (!status.ok()) return End(status);
  if (--num_plans_missing_ == 0) StartGenerate();
}

void DocumentFlow::StartGenerate() {
  absl::StatusOr<PromptPlan> plan = PlanPrompt(request_, renders_);
  if (!plan.ok()) return End(plan.status());
  answer_.AddPlan(std::move(plan->plan));
  StreamListener<v1::GenerateResponse> listener;
  listener.on_event = [self = shared_from_this()](v1::GenerateResponse event) {
    self->Post([flow = self.get(), event = std::move(event)]() mutable {
      flow->HandleGenerate(std::move(event));
    });
  };
  listener.on_done = [self = shared_from_this()](const absl::Status& status) {
    self->Post([flow = self.get(), status] { flow->HandleGenerateDone(status); });
  };
  generate_ = services_.vlm.Generate(call_, std::move(listener));
  v1::GenerateRequest request;
  *request.mutable_start() = std::move(plan->start);
  // One key's answers must not tell, by their speed, what another one asked.
  if (call_.caller != nullptr) request.mutable_start()->set_tenant_salt(call_.caller->name());
  generate_->Write(std::move(request), nullptr);
  ReadGenerate();
  pump_.emplace(
      std::move(plan->sources), answer_, *generate_,
      [self = weak_from_this()](std::function<void()> work) {
        if (auto flow = self.lock()) flow->Post(std::move(work));
      },
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
      answer_.AddTokens(event.tokens());
      ChargeTokens(charged_tokens_ + static_cast<uint64_t>(event.tokens().tokens_size()));
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
  // The model cuts a call that is not read, and gRPC tells it as a mere cancellation.
  if (was_paused_ && status.code() == absl::StatusCode::kCancelled) return End(SlowReader());
  if (!status.ok()) {
    const std::string page_source = pump_ ? pump_->source_path() : "parts";
    return End(WithGenerateFields(FromUpstream(Upstream::kVlm, status), page_source));
  }
  if (!finished_ || !pages_complete_) {
    return End(ProtocolError(Upstream::kVlm, "the stream ended early"));
  }
  answer_.Finish(*finished_);
  End(absl::OkStatus());
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
                                  {"total_ms", absl::StrCat(answer_.ElapsedMillis())}});
}

}  // namespace glyph::gateway
