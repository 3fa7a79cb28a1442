#include "vlm_service/server/generate_call.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/server/prompt_bound.h"
#include "vlm_service/server/start_validation.h"

namespace glyph::vlm {
namespace {

// Tokens a reader may lag behind, before its call is cut.
constexpr size_t kMaxQueuedTokenBytes = 256 << 10;
// Of calls without a deadline.
constexpr absl::Duration kDefaultTimeout = absl::Minutes(10);

absl::Status WrongMessage(const char* field, const char* message) {
  return rpc::InvalidArgument("MESSAGE_OUT_OF_ORDER", field, message);
}

ContentHash NameOf(const PageImage& page, const std::string& tenant) {
  return HashPage({.key = page.key,
                   .width = page.width,
                   .height = page.height,
                   .channels = page.channels,
                   .uploaded = page.origin == PageOrigin::kUploaded,
                   .salt = tenant});
}

// Everything that `start` itself says.
void FillRequest(const v1::GenerateStart& start, ValidStart valid, Request& request) {
  request.sampling = std::move(valid.generation.sampling);
  request.stop = std::move(valid.generation.stop);
  request.num_samples = valid.generation.num_samples;
  request.forced_output_ids.assign(start.forced_output_ids().begin(),
                                   start.forced_output_ids().end());
  request.priority = start.priority();
  request.tenant = start.tenant_salt();
}

}  // namespace

GenerateCall::GenerateCall(const CallEnvironment& environment, grpc::CallbackServerContext& context,
                           std::string default_id)
    : environment_(environment), context_(context), request_id_(std::move(default_id)) {}

void GenerateCall::Start() {
  self_ = shared_from_this();
  StartRead(&request_);
}

void GenerateCall::OnReadDone(bool ok) {
  {
    base::MutexLock lock(mutex_);
    if (end_) return;  // nothing more is read
    if (std::exchange(skips_page_, false)) pages_->Skip();
  }
  const absl::Status status = ok ? HandleRequest() : HandleHalfClose();
  if (!status.ok()) return EndAndAbort(status);
  base::MutexLock lock(mutex_);
  if (ok && !finish_called_) StartRead(&request_);  // nothing may start after Finish
}

absl::Status GenerateCall::HandleRequest() {
  switch (request_.message_case()) {
    case v1::GenerateRequest::kStart:
      return HandleStart(request_.start());
    case v1::GenerateRequest::kOffer:
      return HandleOffer(request_.offer());
    case v1::GenerateRequest::kStrip:
      return HandleStrip(request_.strip());
    case v1::GenerateRequest::MESSAGE_NOT_SET:
      break;
  }
  return WrongMessage("message", "the message is empty; send start, offer or strip");
}

absl::Status GenerateCall::HandleStart(const v1::GenerateStart& start) {
  if (pages_ != nullptr) return WrongMessage("start", "start came twice; it comes first and once");
  GLYPH_ASSIGN_OR_RETURN(ValidStart valid, ValidateStart(start, environment_.model));
  const ExecutorLimits& limits = environment_.engine.limits();
  pages_ = std::make_unique<PageReceiver>(start, environment_.model, limits.max_page_tokens());
  prompt_ = std::make_unique<PromptFragments>(start, environment_.prompts);
  tenant_ = start.tenant_salt();
  Request request;
  SetTokenBounds(start, valid, environment_.prompts, environment_.model, limits, request);
  FillRequest(start, std::move(valid), request);
  request.timeout = Timeout();
  request.sink = shared_from_this();
  base::MutexLock lock(mutex_);
  if (!start.request_id().empty()) request_id_ = start.request_id();
  request.id = request_id_;
  num_samples_ = request.num_samples;
  greedy_ = request.sampling.temperature == 0;
  with_logprobs_ = request.sampling.num_logprobs.has_value();
  if (end_) return absl::OkStatus();  // cancelled meanwhile
  GLYPH_ASSIGN_OR_RETURN(sequence_, environment_.engine.Begin(std::move(request)));
  return absl::OkStatus();
}

absl::Duration GenerateCall::Timeout() const {
  const auto deadline = context_.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return kDefaultTimeout;
  return absl::FromChrono(deadline - std::chrono::system_clock::now());
}

absl::Status GenerateCall::HandleOffer(const v1::PageOffer& offer) {
  if (pages_ == nullptr) return WrongMessage("offer", "a page before start; send start first");
  GLYPH_RETURN_IF_ERROR(pages_->Offer(offer));
  const ContentHash name = NameOf(pages_->current(), tenant_);
  Prompt fragment = prompt_->UpToPage(offer.part_index(), pages_->current_grid());
  base::MutexLock lock(mutex_);
  answer_end_.profile_mismatch = pages_->profile_mismatch();
  offer_waits_ = true;
  if (sequence_) environment_.engine.OfferPage(*sequence_, name, std::move(fragment));
  return absl::OkStatus();
}

absl::Status GenerateCall::HandleStrip(const v1::PageStrip& strip) {
  if (pages_ == nullptr) return WrongMessage("strip", "a strip before start; send start first");
  {
    base::MutexLock lock(mutex_);
    if (offer_waits_ || skips_page_) {  // or it was answered since the strip was read
      return WrongMessage("strip", "strips before the offer was answered; wait for its answer");
    }
  }
  GLYPH_ASSIGN_OR_RETURN(std::shared_ptr<const PageImage> page, pages_->AddStrip(strip));
  if (page == nullptr) return absl::OkStatus();
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.AddPage(*sequence_, std::move(page));
  return absl::OkStatus();
}

absl::Status GenerateCall::HandleHalfClose() {
  if (context_.IsCancelled()) return absl::OkStatus();  // OnCancel ends the call
  if (pages_ == nullptr) {
    return WrongMessage("start", "the call was half-closed without a request; send start first");
  }
  GLYPH_RETURN_IF_ERROR(pages_->Finish());
  Prompt rest = prompt_->Rest();
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.FinishPrompt(*sequence_, std::move(rest));
  return absl::OkStatus();
}

void GenerateCall::OnAdmitted(const AdmittedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.Push(AdmittedResponse(event, request_id_, greedy_));
  MaybeWrite();
}

void GenerateCall::OnPageDecision(const PageDecisionEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  offer_waits_ = false;
  skips_page_ = event.have;
  output_.Push(PageDecisionResponse(event));
  MaybeWrite();
}

void GenerateCall::OnPageEncoded(const PageEncodedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.Push(PageEncodedResponse(event));
  MaybeWrite();
}

void GenerateCall::OnToken(const TokenEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.PushToken(event, with_logprobs_);
  if (output_.token_bytes() <= kMaxQueuedTokenBytes) {
    MaybeWrite();
  } else {
    CutReader(absl::StrCat("more than ", kMaxQueuedTokenBytes, " bytes of tokens wait to be read"));
  }
}

void GenerateCall::OnSampleFinished(const SampleFinishedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  if (event.sample == 0) answer_end_.reason = event.reason;
  if (num_samples_ == 1) {
    answer_end_.tail_text = event.tail_text;
    return;
  }
  output_.Push(SampleFinishedResponse(event));
  MaybeWrite();
}

void GenerateCall::OnFinished(const FinishedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.Push(FinishedResponse(event, answer_end_));
  End(absl::OkStatus());
}

void GenerateCall::OnError(const absl::Status& status) {
  base::MutexLock lock(mutex_);
  End(status);
}

void GenerateCall::OnCancel() {
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.Cancel(*sequence_);
  output_.Clear();
  End(absl::CancelledError("the client cancelled the request"));
}

void GenerateCall::EndAndAbort(const absl::Status& status) {
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.Abort(*sequence_, status);
  End(status);
}

void GenerateCall::End(const absl::Status& status) {
  if (!end_) end_ = status;
  MaybeWrite();
}

void GenerateCall::CutReader(const std::string& why) {
  end_ = rpc::MakeError(absl::StatusCode::kAborted,
                        {.reason = "SLOW_READER", .field = "", .retry_after = {}}, why);
  output_.Clear();
  context_.TryCancel();  // the write in flight waits for the reader
  if (sequence_) environment_.engine.Abort(*sequence_, *end_);
}

void GenerateCall::MaybeWrite() {
  if (writing_ || finish_called_) return;
  if (!output_.empty()) {
    writing_ = true;
    write_began_ = std::chrono::steady_clock::now();
    response_ = output_.Pop();
    StartWrite(&response_);
    if (!stall_alarm_is_set_) SetStallAlarm();
  } else if (end_) {
    finish_called_ = true;
    Finish(rpc::ToGrpcStatus(*end_));
  }
}

void GenerateCall::OnWriteDone(bool ok) {
  base::MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) output_.Clear();  // the stream is broken: OnCancel follows or came
  MaybeWrite();
}

void GenerateCall::SetStallAlarm() {
  const auto timeout = absl::ToChronoNanoseconds(environment_.stall_timeout);
  const auto lasts = std::chrono::steady_clock::now() - write_began_;
  stall_alarm_is_set_ = true;
  stall_alarm_ = std::make_unique<grpc::Alarm>();
  stall_alarm_->Set(std::chrono::system_clock::now() + (timeout - lasts),
                    [self = shared_from_this()](bool) { self->OnStallAlarm(); });
}

void GenerateCall::OnStallAlarm() {
  base::MutexLock lock(mutex_);
  stall_alarm_is_set_ = false;
  if (!writing_) return;
  if (std::chrono::steady_clock::now() - write_began_ <
      absl::ToChronoNanoseconds(environment_.stall_timeout)) {
    SetStallAlarm();
  } else {
    CutReader(
        absl::StrCat("no message was read for ", absl::FormatDuration(environment_.stall_timeout)));
  }
}

void GenerateCall::OnDone() {
  std::unique_ptr<grpc::Alarm> alarm;
  {
    base::MutexLock lock(mutex_);
    alarm = std::move(stall_alarm_);
    base::LogInfo("generate_done", {{"request_id", request_id_},
                                    {"code", absl::StatusCodeToString(end_->code())},
                                    {"reason", rpc::GetErrorDetails(*end_).reason}});
  }
  alarm.reset();  // its callback holds this call and runs now
  self_.reset();  // deletes this, unless the engine still holds it
}

}  // namespace glyph::vlm
