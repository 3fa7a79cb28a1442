#include "vlm_service/server/generate_call.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "vlm_service/server/generate_events.h"
#include "vlm_service/server/prompt_bound.h"
#include "vlm_service/server/start_validation.h"

namespace glyph::vlm {
namespace {

// Pages of one call that were granted and are not encoded: one in the encoder, one on its way.
constexpr int32_t kMaxPagesAhead = 2;
// Tokens a reader may lag behind, before its call is cut.
constexpr size_t kMaxQueuedTokenBytes = 256 << 10;
// Of calls without a deadline.
constexpr absl::Duration kDefaultTimeout = absl::Minutes(10);

absl::Status WrongMessage(const char* field, const char* message) {
  return rpc::InvalidArgument("MESSAGE_OUT_OF_ORDER", field, message);
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
  pages_ = std::make_unique<PageReceiver>(start, environment_.model);
  Request request;
  request.sampling = valid.generation.sampling;
  request.stop = valid.generation.stop;
  request.timeout = Timeout();
  request.sink = shared_from_this();
  SetTokenBounds(valid, *pages_, environment_.prompts, environment_.model,
                 environment_.engine.limits(), request);
  base::MutexLock lock(mutex_);
  if (!start.request_id().empty()) request_id_ = start.request_id();
  request.id = request_id_;
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
  base::MutexLock lock(mutex_);
  profile_mismatch_ = pages_->profile_mismatch();
  offer_waits_ = true;
  GrantPage();
  return absl::OkStatus();
}

absl::Status GenerateCall::HandleStrip(const v1::PageStrip& strip) {
  if (pages_ == nullptr) return WrongMessage("strip", "a strip before start; send start first");
  {
    base::MutexLock lock(mutex_);
    if (offer_waits_) {
      return WrongMessage("strip", "strips before the offer was answered; wait for its answer");
    }
  }
  GLYPH_ASSIGN_OR_RETURN(ReceivedPage page, pages_->AddStrip(strip));
  if (page.image == nullptr) return absl::OkStatus();
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.AddPage(*sequence_, std::move(page.image), page.grid);
  return absl::OkStatus();
}

absl::Status GenerateCall::HandleHalfClose() {
  if (context_.IsCancelled()) return absl::OkStatus();  // OnCancel ends the call
  if (pages_ == nullptr) {
    return WrongMessage("start", "the call was half-closed without a request; send start first");
  }
  GLYPH_RETURN_IF_ERROR(pages_->Finish());
  auto prompt = std::make_shared<const Prompt>(environment_.prompts.Build(pages_->pieces()));
  base::MutexLock lock(mutex_);
  if (sequence_) environment_.engine.FinishPrompt(*sequence_, std::move(prompt));
  return absl::OkStatus();
}

void GenerateCall::OnAdmitted(const AdmittedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  admitted_ = true;
  output_.Push(AdmittedResponse(event, request_id_));
  GrantPage();
  MaybeWrite();
}

void GenerateCall::GrantPage() {
  if (end_ || !offer_waits_ || !admitted_ || num_granted_ - num_encoded_ >= kMaxPagesAhead) return;
  offer_waits_ = false;
  output_.Push(PageNeededResponse(num_granted_++));
  MaybeWrite();
}

void GenerateCall::OnPageEncoded(const PageEncodedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  ++num_encoded_;
  output_.Push(PageEncodedResponse(event));
  GrantPage();
  MaybeWrite();
}

void GenerateCall::OnToken(const TokenEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.PushToken(event);
  if (output_.token_bytes() <= kMaxQueuedTokenBytes) {
    MaybeWrite();
    return;
  }
  const absl::Status status = rpc::MakeError(
      absl::StatusCode::kAborted, {.reason = "SLOW_READER", .field = "", .retry_after = {}},
      absl::StrCat("more than ", kMaxQueuedTokenBytes, " bytes of tokens wait to be read"));
  output_.Clear();
  End(status);
  context_.TryCancel();  // the write in flight waits for the reader
  if (sequence_) environment_.engine.Abort(*sequence_, status);
}

void GenerateCall::OnFinished(const FinishedEvent& event) {
  base::MutexLock lock(mutex_);
  if (end_) return;
  output_.Push(FinishedResponse(event, profile_mismatch_));
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

void GenerateCall::MaybeWrite() {
  if (writing_ || finish_called_) return;
  if (!output_.empty()) {
    writing_ = true;
    response_ = output_.Pop();
    StartWrite(&response_);
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

void GenerateCall::OnDone() {
  {
    base::MutexLock lock(mutex_);
    base::LogInfo("generate_done", {{"request_id", request_id_},
                                    {"code", absl::StatusCodeToString(end_->code())},
                                    {"reason", rpc::GetErrorDetails(*end_).reason}});
  }
  self_.reset();  // deletes this, unless the engine still holds it
}

}  // namespace glyph::vlm
