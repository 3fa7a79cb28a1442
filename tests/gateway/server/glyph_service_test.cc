#include "gateway/server/glyph_service.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "proto/base/sha256.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "tests/gateway/gateway_fixture.h"

// GlyphService over gRPC, between fake services.
namespace glyph::gateway {
namespace {

using GlyphServiceTest = GatewayFixture;

std::string ReasonOf(const absl::Status& status) { return rpc::GetErrorDetails(status).reason; }

TEST_F(GlyphServiceTest, StreamsPlanPagesTextAndUsage) {
  const Answered answered = Ask(DocumentRequest());

  ASSERT_TRUE(answered.status.ok()) << answered.status;
  EXPECT_TRUE(answered.events.front().has_plan());
  EXPECT_FALSE(answered.events.front().plan().request_id().empty());
  EXPECT_EQ(answered.text(), "Hello world");
  const v1::AskFinished& finished = answered.events.back().finished();
  EXPECT_EQ(finished.reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(finished.usage().pages(), 2u);
  EXPECT_EQ(finished.usage().visual_tokens(), 8u);
  EXPECT_EQ(finished.usage().output_tokens(), 3u);
  EXPECT_GT(finished.usage().total_ms(), 0);
  EXPECT_EQ(render_->last_source(), "one\ftwo");
  EXPECT_EQ(render_->starts().at(0).options().profile_json(), "{\"fake\":true}");
}

TEST_F(GlyphServiceTest, SendsTheDocumentInChunksToTheRenderer) {
  const std::string text(3 * (1 << 20) + 17, 'x');
  EXPECT_TRUE(Ask(DocumentRequest(text)).status.ok());
  EXPECT_EQ(render_->last_source(), text);
}

TEST_F(GlyphServiceTest, TakesLargeRequestsInChunks) {
  grpc::ClientContext context;
  const auto stream = stub_->AskStream(&context);
  v1::AskStreamRequest message;
  *message.mutable_start() = DocumentRequest("");
  stream->Write(message);
  const std::string mebibyte(1 << 20, 'x');
  for (int i = 0; i < 16; ++i) {
    message.mutable_chunk()->set_part_index(0);
    message.mutable_chunk()->set_data(mebibyte);
    stream->Write(message);
  }
  stream->WritesDone();
  const Answered answered = ReadAll(*stream);

  EXPECT_TRUE(answered.status.ok()) << answered.status;
  EXPECT_EQ(answered.text(), "Hello world");
  EXPECT_EQ(render_->last_source().size(), size_t{16} << 20);
}

TEST_F(GlyphServiceTest, RefusesAWrongChunkWhenItComes) {
  grpc::ClientContext context;
  const auto stream = stub_->AskStream(&context);
  v1::AskStreamRequest message;
  message.mutable_chunk()->set_data("x");
  stream->Write(message);

  EXPECT_EQ(ReasonOf(ReadAll(*stream).status), "START_MISSING");
}

TEST_F(GlyphServiceTest, NamesEveryWrongFieldOverTheWire) {
  v1::AskRequest request = DocumentRequest();
  request.mutable_generation()->set_temperature(9);
  request.mutable_generation()->add_stop("");
  const Answered answered = Ask(request);

  EXPECT_EQ(answered.status.code(), absl::StatusCode::kInvalidArgument);
  const auto violations = rpc::GetFieldViolations(answered.status);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].field, "generation.temperature");
  EXPECT_EQ(violations[1].field, "generation.stop[0]");
  EXPECT_EQ(violations[1].reason, "STOP_LENGTH_OUT_OF_RANGE");
}

TEST_F(GlyphServiceTest, CancelsBothServicesWhenTheClientCancels) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;  // admitted, then silence
  vlm_->SetBehaviour(hang);
  fakes::FakeRenderService::Behaviour hang_render;
  hang_render.hang_after = 2;  // plan, page, then silence
  render_->SetBehaviour(hang_render);
  grpc::ClientContext context;
  const auto stream = stub_->Ask(&context, DocumentRequest());
  v1::AskResponse event;
  ASSERT_TRUE(stream->Read(&event));  // plan
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  context.TryCancel();

  EXPECT_TRUE(vlm_->WaitForCancelled(1));
  EXPECT_TRUE(render_->WaitForCancelled(1));
}

TEST_F(GlyphServiceTest, EndsBothServicesAtTheClientsDeadline) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  const Answered answered = ReadAll(*stub_->Ask(&context, DocumentRequest()));

  EXPECT_EQ(answered.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(vlm_->WaitForCancelled(1));
}

TEST_F(GlyphServiceTest, RefusesARequestIdThatRunsAndTakesItAfterwards) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  v1::AskRequest request = DocumentRequest();
  request.set_request_id("mine");
  grpc::ClientContext context;
  const auto stream = stub_->Ask(&context, request);
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  const Answered second = Ask(request);
  vlm_->SetBehaviour({});
  context.TryCancel();
  ASSERT_TRUE(WaitUntilIdle());

  EXPECT_EQ(second.status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(second.status), "REQUEST_ID_IN_USE");
  EXPECT_TRUE(Ask(request).status.ok());
}

TEST_F(GlyphServiceTest, PassesAnErrorOfTheRendererAtEveryStage) {
  const absl::Status refusal = rpc::InvalidArgument("INVALID_UTF8", "document.text", "byte 1");
  for (const size_t events : {0u, 1u, 2u, 3u, 5u}) {  // before plan, page, strip, strip, map, page
    fakes::FakeRenderService::Behaviour fail;
    fail.fail_after = events;
    fail.error = rpc::ToGrpcStatus(refusal);
    render_->SetBehaviour(fail);
    const Answered answered = Ask(DocumentRequest());

    EXPECT_EQ(answered.status.code(), absl::StatusCode::kInvalidArgument) << events;
    EXPECT_EQ(ReasonOf(answered.status), "INVALID_UTF8") << events;
    EXPECT_EQ(rpc::GetErrorDetails(answered.status).field, "parts[0].document.text") << events;
  }
}

TEST_F(GlyphServiceTest, PassesAnErrorOfTheModelAtEveryStage) {
  const absl::Status refusal = rpc::ResourceExhausted("KV_CACHE_FULL", absl::Seconds(3), "no room");
  for (const size_t events : {0u, 1u, 2u, 3u, 5u, 7u}) {
    fakes::FakeVlmService::Behaviour fail;
    fail.fail_after = events;
    fail.error = rpc::ToGrpcStatus(refusal);
    vlm_->SetBehaviour(fail);
    const Answered answered = Ask(DocumentRequest());

    EXPECT_EQ(answered.status.code(), absl::StatusCode::kResourceExhausted) << events;
    EXPECT_EQ(ReasonOf(answered.status), "KV_CACHE_FULL") << events;
    EXPECT_EQ(rpc::GetErrorDetails(answered.status).retry_after, absl::Seconds(3)) << events;
    for (const auto& event : answered.events) EXPECT_FALSE(event.has_finished());
  }
}

TEST_F(GlyphServiceTest, IsUnavailableWhenTheModelDiesUnderARequest) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  grpc::ClientContext context;
  const auto stream = stub_->Ask(&context, DocumentRequest());
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  vlm_.reset();
  const Answered answered = ReadAll(*stream);

  EXPECT_EQ(answered.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(answered.status), "VLM_UNAVAILABLE");
  EXPECT_TRUE(rpc::GetErrorDetails(answered.status).retry_after.has_value());
}

TEST_F(GlyphServiceTest, AsksForTheModelOnceUntilItRestarts) {
  ASSERT_TRUE(Ask(DocumentRequest()).status.ok());
  ASSERT_TRUE(Ask(DocumentRequest()).status.ok());
  EXPECT_EQ(vlm_->num_model_calls(), 1);
  const int port = vlm_->port();
  vlm_.reset();
  ASSERT_TRUE(WaitUntilServing(false));
  vlm_ = std::make_unique<fakes::FakeVlmService>(port);
  v1::Model model;
  model.set_render_profile_json("{\"new\":1}");
  vlm_->SetModel(model);
  ASSERT_TRUE(WaitUntilServing(true));

  EXPECT_TRUE(Ask(DocumentRequest()).status.ok());
  EXPECT_EQ(render_->starts().back().options().profile_json(), "{\"new\":1}");
}

TEST_F(GlyphServiceTest, NamesTheFlagWhenNobodyNamesAProfile) {
  vlm_->SetModel(v1::Model());
  const Answered answered = Ask(DocumentRequest());
  EXPECT_EQ(answered.status.code(), absl::StatusCode::kFailedPrecondition);

  GatewayOptions options;
  options.default_profile = "noto-1024";
  Restart(options);
  EXPECT_TRUE(Ask(DocumentRequest()).status.ok());
  EXPECT_EQ(render_->starts().back().options().profile(), "noto-1024");
}

TEST_F(GlyphServiceTest, DrawsWithoutAskingTheModel) {
  v1::RenderPagesRequest request;
  request.mutable_document()->set_text("one\ftwo");
  grpc::ClientContext context;
  const auto stream = stub_->RenderPages(&context, request);
  std::vector<v1::RenderResponse::EventCase> kinds;
  v1::RenderPagesResponse response;
  while (stream->Read(&response)) kinds.push_back(response.event().event_case());

  EXPECT_TRUE(stream->Finish().ok());
  using R = v1::RenderResponse;
  EXPECT_THAT(kinds,
              ::testing::ElementsAre(R::kPlan, R::kPage, R::kStrip, R::kStrip, R::kSourceMap,
                                     R::kPage, R::kStrip, R::kStrip, R::kSourceMap, R::kDone));
  EXPECT_TRUE(vlm_->starts().empty());
}

TEST_F(GlyphServiceTest, StopsDrawingWhenTheClientCancels) {
  fakes::FakeRenderService::Behaviour hang;
  hang.hang_after = 2;
  render_->SetBehaviour(hang);
  v1::RenderPagesRequest request;
  request.mutable_document()->set_text("one");
  grpc::ClientContext context;
  const auto stream = stub_->RenderPages(&context, request);
  v1::RenderPagesResponse response;
  ASSERT_TRUE(stream->Read(&response));
  context.TryCancel();

  EXPECT_TRUE(render_->WaitForCancelled(1));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(GlyphServiceTest, RefusesToDrawWhatIsTooLarge) {
  v1::RenderPagesRequest request;
  request.mutable_document()->set_text(std::string((16 << 20) + 1, 'x'));
  grpc::ClientContext context;
  const auto stream = stub_->RenderPages(&context, request);
  v1::RenderPagesResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(rpc::FromGrpcStatus(stream->Finish())), "INPUT_TOO_LARGE");
}

class EstimateTest : public GatewayFixture {
 protected:
  absl::Status Estimate(const std::string& text, v1::EstimateResponse& response) const {
    v1::EstimateRequest request;
    request.mutable_document()->set_text(text);
    grpc::ClientContext context;
    return rpc::FromGrpcStatus(stub_->Estimate(&context, request, &response));
  }
};

TEST_F(EstimateTest, TellsPagesTokensAndTheirRatioWithoutDrawing) {
  v1::EstimateResponse estimate;
  const absl::Status status = Estimate("one\f" + std::string(60, 'x'), estimate);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(estimate.pages(), 2u);
  EXPECT_EQ(estimate.visual_tokens(), 8u);
  EXPECT_TRUE(estimate.exact());
  EXPECT_EQ(estimate.characters(), 64u);
  EXPECT_EQ(estimate.text_tokens(), 32u);
  EXPECT_EQ(estimate.compression_ratio(), 4);
  EXPECT_TRUE(render_->starts().at(0).plan_only());
  EXPECT_EQ(render_->starts().at(0).options().profile_json(), "{\"fake\":true}");
  EXPECT_TRUE(WaitUntilIdle());
}

TEST_F(EstimateTest, ScalesTheTokensOfLongDocuments) {
  v1::EstimateResponse estimate;
  ASSERT_TRUE(Estimate(std::string(16 << 20, 'x'), estimate).ok());
  EXPECT_EQ(estimate.text_tokens(), uint64_t{8} << 20);
  EXPECT_EQ(estimate.compression_ratio(), (8 << 20) / 4.0);
}

TEST_F(EstimateTest, HasNoRatioWithoutAPage) {
  v1::EstimateResponse estimate;
  ASSERT_TRUE(Estimate(" ", estimate).ok());
  EXPECT_EQ(estimate.pages(), 0u);
  EXPECT_EQ(estimate.compression_ratio(), 0);
  ASSERT_TRUE(Estimate("", estimate).ok());
  EXPECT_EQ(estimate.text_tokens(), 0u);
}

TEST_F(EstimateTest, EndsWithWhatIsWrong) {
  v1::EstimateResponse estimate;
  EXPECT_EQ(ReasonOf(Estimate(std::string((16 << 20) + 1, 'x'), estimate)), "INPUT_TOO_LARGE");
  fakes::FakeRenderService::Behaviour fail;
  fail.fail_after = 0;
  fail.error = rpc::ToGrpcStatus(rpc::InvalidArgument("INVALID_UTF8", "document.text", "byte 1"));
  render_->SetBehaviour(fail);
  EXPECT_EQ(ReasonOf(Estimate("x", estimate)), "INVALID_UTF8");
  render_->SetBehaviour({});
  ASSERT_TRUE(Estimate("x", estimate).ok());
  vlm_.reset();  // the profile is known, but nobody counts
  EXPECT_EQ(ReasonOf(Estimate("x", estimate)), "VLM_UNAVAILABLE");
}

TEST_F(GlyphServiceTest, TellsTheStateOfTheSystem) {
  grpc::ClientContext context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(stub_->GetStatus(&context, v1::GetStatusRequest(), &status).ok());

  EXPECT_EQ(status.version(), GLYPH_VERSION);
  ASSERT_EQ(status.services_size(), 2);
  EXPECT_EQ(status.services(0).name(), "render_service");
  EXPECT_EQ(status.services(0).address(), render_->address());
  EXPECT_TRUE(status.services(0).ready());
  EXPECT_TRUE(status.services(1).ready());
  EXPECT_EQ(status.model().name(), "fake");
}

TEST_F(GlyphServiceTest, TellsWhichServiceIsNotReady) {
  vlm_->SetServing(false);
  ASSERT_TRUE(WaitUntilServing(false));
  grpc::ClientContext context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(stub_->GetStatus(&context, v1::GetStatusRequest(), &status).ok());

  EXPECT_TRUE(status.services(0).ready());
  EXPECT_FALSE(status.services(1).ready());
  EXPECT_FALSE(status.has_model());
}

class FullGatewayTest : public GatewayFixture {
 protected:
  FullGatewayTest() : GatewayFixture(/*max_requests=*/1) {}
};

TEST_F(FullGatewayTest, RefusesTheRequestAboveTheLimitAndRecovers) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  grpc::ClientContext context;
  const auto stream = stub_->Ask(&context, DocumentRequest());
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  const Answered second = Ask(DocumentRequest());
  vlm_->SetBehaviour({});
  context.TryCancel();
  ASSERT_TRUE(WaitUntilIdle());

  EXPECT_EQ(second.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(rpc::GetErrorDetails(second.status).retry_after.has_value());
  EXPECT_TRUE(Ask(DocumentRequest()).status.ok());
}

class GlyphServiceWithKeysTest : public GatewayFixture {
 protected:
  GlyphServiceWithKeysTest() {
    GatewayOptions options;
    options.key_file = ::testing::TempDir() + "glyph_service_test_" + std::to_string(getpid());
    std::ofstream(options.key_file) << "alice " << base::ToHex(base::Sha256().Update("a").Finish())
                                    << " requests_per_minute=2\n";
    Restart(options);
    std::filesystem::remove(options.key_file);
    EXPECT_TRUE(WaitUntilServing(true));  // health asks for no key
  }
  Answered AskWith(const std::string& authorization) const {
    grpc::ClientContext context;
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    return ReadAll(*stub_->Ask(&context, DocumentRequest()));
  }
};

TEST_F(GlyphServiceWithKeysTest, EveryMethodAsksForAKey) {
  grpc::GenericStub generic(channel_);
  const grpc::Slice nothing;
  const grpc::ByteBuffer empty(&nothing, 1);
  const auto* service = v1::AskRequest::descriptor()->file()->FindServiceByName("GlyphService");
  ASSERT_GT(service->method_count(), 4);
  for (int i = 0; i < service->method_count(); ++i) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::CompletionQueue queue;
    const auto call = generic.PrepareUnaryCall(
        &context, "/glyph.v1.GlyphService/" + service->method(i)->name(), empty, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    EXPECT_EQ(ReasonOf(rpc::FromGrpcStatus(status)), "KEY_MISSING") << service->method(i)->name();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  EXPECT_EQ(render_->starts().size(), 0u);
}

TEST_F(GlyphServiceWithKeysTest, AnswersAKeyWithinItsQuota) {
  EXPECT_EQ(ReasonOf(AskWith("Bearer b").status), "KEY_UNKNOWN");
  EXPECT_TRUE(AskWith("Bearer a").status.ok());
  EXPECT_TRUE(AskWith("Bearer a").status.ok());
  EXPECT_EQ(vlm_->starts().back().tenant_salt(), "alice");
  const absl::Status refused = AskWith("Bearer a").status;
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "KEY_QUOTA");
  EXPECT_GT(*rpc::GetErrorDetails(refused).retry_after, absl::ZeroDuration());
}

}  // namespace
}  // namespace glyph::gateway
