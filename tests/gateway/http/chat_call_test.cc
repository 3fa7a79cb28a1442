#include "gateway/http/chat_call.h"

#include <utility>
#include <vector>

#include "gateway/http/estimate_call.h"
#include "gateway/http/json_text.h"
#include "gateway/http/models_call.h"
#include "gateway/http/render_call.h"
#include "gmock/gmock.h"
#include "proto/rpc/error.h"
#include "tests/gateway/http/recording_reply.h"
#include "tests/gateway/routing/flow_fixture.h"

// Calls of the API between a recording reply and scripted services.
namespace glyph::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kTrace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kAsk[] = R"({"messages":[{"role":"user","content":"Why?"}])";

class ApiCallTest : public FlowFixture {
 protected:
  // What still runs ends before what it works with.
  ~ApiCallTest() override {
    if (call_ != nullptr) call_->OnGone();
  }

  // Starts a call and lets the model's description come.
  void Call(const HttpStarter& starter, const std::string& body, const std::string& path = "/") {
    HttpRequest request;
    request.path = path;
    request.body = body;
    request.request_id = "id";
    request.headers = {{"traceparent", kTrace}};
    call_ = starter(std::move(request), reply_);
    if (vlm_client_.model_calls.empty()) return;
    v1::Model model;
    model.set_name("nano");
    model.set_render_profile_json("{}");
    std::exchange(vlm_client_.model_calls, {}).front()(model);
  }
  void Ask(const std::string& fields) {
    Call(ChatStarter(services_), std::string(kAsk) + fields + "}");
  }
  Json Body() const { return Json::parse(reply_->response.body, nullptr, false); }

  RequestGate gate_{2, metrics_};
  const ApiServices services_{Services(), gate_, models_};
  const std::shared_ptr<RecordingReply> reply_ = std::make_shared<RecordingReply>();
  std::shared_ptr<HttpCall> call_;
};

TEST_F(ApiCallTest, AnswersWithOneObject) {
  Ask("");
  EXPECT_EQ(generate().writes.at(0).start().request_id(), "id");
  EXPECT_EQ(generate().traceparent, kTrace);
  EXPECT_EQ(generate().writes.at(0).start().parts(0).text(), "Why?");
  EXPECT_EQ(gate_.num_in_flight(), 1);
  SendTokens({{1, "Be"}, {2, "cause"}});
  EXPECT_EQ(reply_->num_sent, 0);
  FinishGenerate();

  ASSERT_EQ(reply_->num_sent, 1);
  EXPECT_EQ(reply_->response.status, 200);
  EXPECT_EQ(Body()["id"], "chatcmpl-id");
  EXPECT_EQ(Body()["choices"][0]["message"]["content"], "Because");
  EXPECT_EQ(gate_.num_in_flight(), 0);
}

TEST_F(ApiCallTest, StreamsFromTheFirstTextOn) {
  Ask(",\"stream\":true");
  EXPECT_FALSE(reply_->begun);
  SendTokens({{1, "Be"}});
  EXPECT_TRUE(reply_->begun);
  EXPECT_THAT(reply_->response.content_type, HasSubstr("text/event-stream"));
  EXPECT_THAT(reply_->response.body, HasSubstr("\"role\":\"assistant\""));
  EXPECT_THAT(reply_->response.body, HasSubstr("\"content\":\"Be\""));
  FinishGenerate();
  EXPECT_TRUE(reply_->finished);
  EXPECT_THAT(reply_->response.body, EndsWith("data: [DONE]\n\n"));
}

TEST_F(ApiCallTest, AnswersWithAStatusWhatFailsBeforeTheFirstText) {
  Ask(",\"stream\":true");
  generate().End(rpc::MakeError(
      absl::StatusCode::kOutOfRange,
      {.reason = "CONTEXT_LENGTH_EXCEEDED", .field = "start.options.max_tokens", .retry_after = {}},
      "too long"));
  EXPECT_FALSE(reply_->begun);
  EXPECT_EQ(reply_->response.status, 400);
  EXPECT_EQ(Body()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(Body()["error"]["param"], "max_tokens");
}

TEST_F(ApiCallTest, EndsABrokenStreamWithAnErrorAndWithoutDone) {
  Ask(",\"stream\":true");
  SendTokens({{1, "Be"}});
  generate().End(absl::UnavailableError("gone"));
  EXPECT_TRUE(reply_->finished);
  EXPECT_THAT(reply_->response.body,
              HasSubstr("data: {\"error\":{\"message\":\"vlm_service does not"));
  EXPECT_THAT(reply_->response.body, Not(HasSubstr("[DONE]")));
}

TEST_F(ApiCallTest, MakesAWholeAnswerAnewThatBroke) {
  patience_ = absl::Seconds(30);
  readiness_.Set(Upstream::kVlm, true);
  const ApiServices patient{Services(), gate_, models_};
  Call(ChatStarter(patient), std::string(kAsk) + "}");
  SendTokens({{1, "Be"}});
  generate().End(absl::UnavailableError("gone"));
  timer_.RunDue(now_ += absl::Seconds(1));
  ASSERT_EQ(vlm_client_.calls.size(), 2u);
  SendTokens({{3, "Thus"}});
  FinishGenerate();
  EXPECT_EQ(Body()["choices"][0]["message"]["content"], "Thus");
  call_.reset();
}

TEST_F(ApiCallTest, ShowsAStreamToBeAliveWhileItWaits) {
  Ask(",\"stream\":true");
  call_->OnIdle();
  EXPECT_TRUE(reply_->begun);
  EXPECT_THAT(reply_->response.body, EndsWith("}\n\n: ping\n\n"));
  SendTokens({{1, "Be"}});
  call_->OnIdle();
  EXPECT_THAT(reply_->response.body, EndsWith("}\n\n: ping\n\n"));
}

TEST_F(ApiCallTest, SaysNothingBeforeAWholeAnswer) {
  Ask("");
  call_->OnIdle();
  EXPECT_FALSE(reply_->begun);
  EXPECT_EQ(reply_->num_sent, 0);
}

TEST_F(ApiCallTest, ReadsNoFurtherThanItsClient) {
  Ask(",\"stream\":true");
  reply_->is_congested = true;
  SendTokens({{1, "a"}});
  const int reads = generate().num_reads;
  reply_->is_congested = false;
  call_->OnDrained();
  EXPECT_EQ(generate().num_reads, reads + 1);
}

TEST_F(ApiCallTest, CancelsWhenTheClientIsGone) {
  Ask(",\"stream\":true");
  SendTokens({{1, "a"}});
  call_->OnGone();
  EXPECT_TRUE(generate().cancelled);
  EXPECT_EQ(gate_.num_in_flight(), 0);
}

TEST_F(ApiCallTest, StartsNothingForAClientThatLeftBeforeTheModelWasKnown) {
  HttpRequest request;
  request.body = std::string(kAsk) + "}";
  call_ = ChatStarter(services_)(request, reply_);
  call_->OnGone();
  EXPECT_EQ(gate_.num_in_flight(), 0);
  vlm_client_.model_calls.at(0)(v1::Model());
  EXPECT_TRUE(vlm_client_.calls.empty());
}

TEST_F(ApiCallTest, KnowsItsModelOnly) {
  Ask(",\"model\":\"gpt-4o\"");
  EXPECT_EQ(reply_->response.status, 404);
  EXPECT_EQ(Body()["error"]["code"], "model_not_found");
  EXPECT_EQ(Body()["error"]["param"], "model");
  EXPECT_TRUE(vlm_client_.calls.empty());
}

TEST_F(ApiCallTest, RefusesWithoutAPlaceAndSaysWhenToComeBack) {
  const auto first = gate_.Admit("1", nullptr), second = gate_.Admit("2", nullptr);
  Ask("");
  EXPECT_EQ(reply_->response.status, 429);
  EXPECT_EQ(reply_->response.headers.at(0),
            (std::pair<std::string, std::string>("Retry-After", "1")));
}

TEST_F(ApiCallTest, RefusesABadBodyAtOnce) {
  Call(ChatStarter(services_), "{");
  EXPECT_EQ(call_, nullptr);
  EXPECT_EQ(reply_->response.status, 400);
}

TEST_F(ApiCallTest, ListsAndDescribesTheModel) {
  Call(ModelListStarter(services_), "");
  EXPECT_EQ(Body()["data"][0]["id"], "nano");
  Call(ModelStarter(services_), "", "/v1/models/nano");
  EXPECT_EQ(Body()["id"], "nano");
  Call(ModelStarter(services_), "", "/v1/models/other");
  EXPECT_EQ(reply_->response.status, 404);
}

TEST_F(ApiCallTest, DrawsPagesAsLines) {
  Call(RenderStarter(services_), R"({"text":"a long text","profile":"nano"})");
  EXPECT_EQ(render(0).source, "a long text");
  EXPECT_EQ(render(0).start.request_id(), "id");
  EXPECT_EQ(render(0).traceparent, kTrace);
  EXPECT_FALSE(render(0).start.plan_only());
  for (const v1::RenderResponse& event : {Plan(1), Page(), Strip(), SourceMap(), Done(1)}) {
    render(0).Send(event);
  }
  ASSERT_TRUE(reply_->finished);
  std::vector<Json> lines;
  std::string rest = reply_->response.body;
  for (size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
    lines.push_back(Json::parse(rest.substr(0, end), nullptr, false));
  }
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["object"], "render.plan");
  EXPECT_EQ(lines[1]["width_px"], 56);
  EXPECT_THAT(lines[1]["image_url"].get<std::string>(),
              ::testing::StartsWith("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_EQ(lines[2]["pages"], 1);
  EXPECT_EQ(gate_.num_in_flight(), 0);
}

TEST_F(ApiCallTest, DrawsNoFasterThanItsClientReads) {
  Call(RenderStarter(services_), R"({"text":"a"})");
  reply_->is_congested = true;
  render(0).Send(Plan(1));
  const int reads = render(0).num_reads;
  call_->OnDrained();
  EXPECT_EQ(render(0).num_reads, reads + 1);
  call_->OnDrained();
  EXPECT_EQ(render(0).num_reads, reads + 1);
}

TEST_F(ApiCallTest, EndsARenderWithItsError) {
  Call(RenderStarter(services_), R"({"text":"a"})");
  render(0).End(rpc::InvalidArgument("TOO_MANY_PAGES", "start.options.max_pages", "too many"));
  EXPECT_EQ(reply_->response.status, 400);
  EXPECT_EQ(Body()["error"]["param"], "max_pages");
}

TEST_F(ApiCallTest, EndsARenderWhoseClientIsGone) {
  Call(RenderStarter(services_), R"({"text":"a"})");
  call_->OnGone();
  EXPECT_TRUE(render(0).cancelled);
  EXPECT_EQ(gate_.num_in_flight(), 0);
}

TEST_F(ApiCallTest, EstimatesWithoutDrawing) {
  Call(EstimateStarter(services_), R"({"text":"a long text"})");
  EXPECT_TRUE(render(0).start.plan_only());
  v1::RenderResponse plan = Plan(3);
  plan.mutable_plan()->set_exact(true);
  render(0).Send(plan);
  render(0).Send(Done(0));
  EXPECT_EQ(reply_->response.status, 200);
  EXPECT_EQ(Body()["pages"], 3);
  EXPECT_EQ(Body()["exact"], true);
  EXPECT_EQ(Body()["visual_tokens"], 30);
  EXPECT_GT(Body()["text_tokens"], 0);
}

TEST_F(ApiCallTest, EndsAnEstimateWhoseClientIsGone) {
  Call(EstimateStarter(services_), R"({"text":"a"})");
  call_->OnGone();
  EXPECT_TRUE(render(0).cancelled);
  EXPECT_EQ(gate_.num_in_flight(), 0);
}

TEST_F(ApiCallTest, NamesWhatIsWrongWithATextToDraw) {
  for (const auto& [body, param] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "text"},
           {R"({"text":1})", "text"},
           {R"({"text":"a","profile":1})", "profile"},
           {R"({"text":"a","max_pages":257})", "max_pages"}}) {
    Call(RenderStarter(services_), body);
    EXPECT_EQ(reply_->response.status, 400) << body;
    EXPECT_EQ(Body()["error"]["param"], param) << body;
  }
}

}  // namespace
}  // namespace glyph::gateway
