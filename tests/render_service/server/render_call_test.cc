// The Render stream over a real channel.
#include "render_service/server/render_call.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "render_service/fonts/build_fingerprint.h"
#include "tests/render_service/server/render_test_server.h"

namespace glyph::render {
namespace {

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "This is line number " + std::to_string(i) + "\n";
  return text;
}

std::string ReadGolden(const std::string& name) {
  std::ifstream file("tests/golden/images/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns once `count` calls hold a seat; 0: nothing of any call is left.
void AwaitCalls(const RenderTestServer& server, int count) {
  while (server.pool().num_taken_seats() != count) std::this_thread::yield();
}

TEST(RenderCallTest, SendsPlanPagesSourceMapsAndDone) {
  RenderTestServer server;
  const std::string text = Lines(30);
  const RenderOutcome outcome = server.RenderText(text);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_TRUE(outcome.is_in_order);
  EXPECT_LE(outcome.largest_message, size_t{1} << 20);
  ASSERT_EQ(outcome.plans.size(), 1u);
  EXPECT_EQ(outcome.plans[0].max_pages(), 3u);
  EXPECT_EQ(outcome.plans[0].max_visual_tokens(), 3u * 190);
  EXPECT_EQ(outcome.plans[0].characters(), text.size());
  EXPECT_EQ(outcome.plans[0].build_fingerprint(), base::ToBytes(BuildFingerprint()));
  EXPECT_EQ(outcome.plans[0].profile_fingerprint(),
            base::ToBytes(server.catalog().Find("nano").value()->fingerprint));
  ASSERT_EQ(outcome.pages.size(), 3u);
  for (const ReceivedPage& page : outcome.pages) {
    EXPECT_EQ(page.header.height_px(), 280u);
    EXPECT_EQ(page.header.origin(), v1::PAGE_ORIGIN_RENDERED);
    EXPECT_EQ(page.pixels.size(), 532u * 280);
  }
  ASSERT_EQ(outcome.dones.size(), 1u);
  EXPECT_EQ(outcome.dones[0].pages(), 3u);
  EXPECT_GT(outcome.dones[0].render_ms(), 0);
}

TEST(RenderCallTest, MapsBoxesToTheSource) {
  RenderTestServer server;
  const RenderOutcome outcome = server.RenderText(
      "\xEF\xBB\xBF"
      "first\r\n\n  third");
  ASSERT_EQ(outcome.pages.size(), 1u);
  ASSERT_EQ(outcome.pages[0].boxes.size(), 2u);
  const v1::SourceBox& third = outcome.pages[0].boxes[1];
  EXPECT_EQ(third.source_begin(), 11u);
  EXPECT_EQ(third.source_end(), 18u);
  EXPECT_EQ(third.x_px(), 32u);
  EXPECT_EQ(third.y_px(), 14u + 2 * 20);
  EXPECT_EQ(third.height_px(), 20u);
}

TEST(RenderCallTest, JoinsChunksThatEndInsideACharacter) {
  RenderTestServer server;
  const std::string text = "\xE6\x96\x87\xE5\xAD\x97";
  std::vector<v1::RenderRequest> requests = {StartText()};
  for (const char byte : text) requests.push_back(Data(std::string(1, byte)));
  const RenderOutcome outcome = server.Render(requests);
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.plans[0].characters(), 2u);
  EXPECT_EQ(outcome.pages[0].header.page_key(), server.RenderText(text).pages[0].header.page_key());
}

TEST(RenderCallTest, EndsATextWithoutInkWithoutPages) {
  RenderTestServer server;
  for (const char* text : {"", " \t\n\r\n", "\xEF\xBB\xBF", "\n\xE2\x80\xA9\xC2\x85"}) {
    const RenderOutcome outcome = server.RenderText(text);
    ASSERT_TRUE(outcome.status.ok());
    EXPECT_EQ(outcome.plans[0].max_pages(), 0u);
    EXPECT_TRUE(outcome.pages.empty());
    EXPECT_TRUE(outcome.dones[0].diagnostics().empty());
  }
  EXPECT_TRUE(server.Render({StartText()}).dones[0].diagnostics().empty());
}

TEST(RenderCallTest, PlansWithoutDrawing) {
  RenderTestServer server;
  for (const char* profile : {"nano", "noto-1024", "glyph-upstream"}) {
    const std::string text = Lines(300);
    const RenderOutcome drawn = server.RenderText(text, profile);
    v1::RenderRequest start = StartText(profile);
    start.mutable_start()->set_plan_only(true);
    const RenderOutcome planned = server.Render({start, Data(text)});
    ASSERT_TRUE(planned.status.ok()) << planned.status.error_message();
    EXPECT_EQ(planned.plans[0].SerializeAsString(), drawn.plans[0].SerializeAsString());
    EXPECT_EQ(planned.plans[0].exact(), profile != std::string("glyph-upstream"));
    EXPECT_TRUE(planned.pages.empty());
    EXPECT_EQ(planned.dones[0].pages(), 0u);
    EXPECT_EQ(planned.dones[0].characters(), text.size());
    EXPECT_FALSE(planned.dones[0].diagnostics().empty());
  }
}

TEST(RenderCallTest, PlansUploadsAndBlankTextsWithoutDrawing) {
  RenderTestServer server;
  v1::RenderRequest start = StartImage();
  start.mutable_start()->set_plan_only(true);
  const RenderOutcome image = server.Render({start, Data(ReadGolden("rgb8.png"))});
  EXPECT_EQ(image.plans[0].max_pages(), 1u);
  EXPECT_FALSE(image.plans[0].exact());
  EXPECT_TRUE(image.pages.empty());
  EXPECT_EQ(image.dones[0].pages(), 0u);
  start = StartText();
  start.mutable_start()->set_plan_only(true);
  const RenderOutcome blank = server.Render({start, Data(" \n")});
  EXPECT_EQ(blank.plans[0].max_pages(), 0u);
  EXPECT_TRUE(blank.dones[0].diagnostics().empty());
}

TEST(RenderCallTest, DrawsAtTheResolutionAskedFor) {
  RenderTestServer server;
  for (const auto& [dpi, width] : {std::pair{0u, 532u}, {72u, 532u}, {96u, 728u}, {120u, 896u}}) {
    v1::RenderRequest start = StartText("nano");
    start.mutable_start()->mutable_options()->set_dpi(dpi);
    const RenderOutcome outcome = server.Render({start, Data(Lines(30))});
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.pages.size(), outcome.plans[0].max_pages());
    EXPECT_EQ(outcome.pages[0].header.width_px(), width);
    EXPECT_EQ(outcome.pages[0].header.profile_fingerprint() ==
                  base::ToBytes(server.catalog().Find("nano").value()->fingerprint),
              dpi <= 72);
  }
}

TEST(RenderCallTest, DecodesUploads) {
  RenderTestServer server;
  for (const char* name : {"rgb8.png", "rgb420.jpg", "lossy.webp"}) {
    const RenderOutcome outcome = server.Render({StartImage(), Data(ReadGolden(name))});
    ASSERT_TRUE(outcome.status.ok()) << name;
    ASSERT_EQ(outcome.pages.size(), 1u);
    EXPECT_EQ(outcome.pages[0].header.format(), v1::PIXEL_FORMAT_RGB8);
    EXPECT_EQ(outcome.pages[0].header.origin(), v1::PAGE_ORIGIN_UPLOADED);
    EXPECT_EQ(outcome.pages[0].pixels, ReadGolden(std::string(name) + ".rgb"));
    EXPECT_EQ(outcome.plans[0].max_pages(), 1u);
    EXPECT_TRUE(outcome.plans[0].profile_fingerprint().empty());
  }
}

TEST(RenderCallTest, DrawsTheSamePagesForEveryCallerAtOnce) {
  RenderTestServer server;
  const std::string text = Lines(300);
  const RenderOutcome expected = server.RenderText(text, "noto-1024");
  std::vector<RenderOutcome> outcomes(8);
  std::vector<std::thread> clients;
  for (RenderOutcome& outcome : outcomes) {
    clients.emplace_back([&] { outcome = server.RenderText(text, "noto-1024"); });
  }
  for (std::thread& client : clients) client.join();
  for (const RenderOutcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    ASSERT_EQ(outcome.pages.size(), expected.pages.size());
    for (size_t i = 0; i < outcome.pages.size(); ++i) {
      EXPECT_EQ(outcome.pages[i].pixels, expected.pages[i].pixels);
    }
  }
}

TEST(RenderCallTest, DrainingRefusesNewCallsAndEndsRunningOnesWell) {
  RenderTestServer server;
  grpc::ClientContext context;
  const auto running = server.stub().Render(&context);
  running->Write(StartText());
  AwaitCalls(server, 1);

  server.service().Drain();
  const RenderOutcome refused = server.RenderText("x");
  running->Write(Data("text"));
  running->WritesDone();

  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.reason, "DRAINING");
  EXPECT_TRUE(refused.has_retry_delay);
  EXPECT_TRUE(ReadOutcome(*running).status.ok());
}

TEST(RenderCallTest, TellsCallsBeyondItsSeatsToTryAgain) {
  RenderTestServer server(1, 2);
  grpc::ClientContext contexts[2];
  std::vector<std::unique_ptr<RenderStream>> open;
  for (grpc::ClientContext& context : contexts) {
    open.push_back(server.stub().Render(&context));
    open.back()->Write(StartText());
  }
  AwaitCalls(server, 2);
  const RenderOutcome refused = server.RenderText("x");
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason, "RENDERER_BUSY");
  EXPECT_TRUE(refused.has_retry_delay);
  for (const auto& stream : open) {
    stream->WritesDone();
    EXPECT_TRUE(ReadOutcome(*stream).status.ok());
  }
  AwaitCalls(server, 0);
  EXPECT_TRUE(server.RenderText("x").status.ok());
}

TEST(RenderCallTest, DrawsNoFurtherThanTheClientReads) {
  RenderTestServer server(1, 64);
  grpc::ClientContext slow_context;
  const auto slow = server.stub().Render(&slow_context);
  slow->Write(StartText("noto-1024"));
  const std::string text = Lines(236 * 40);  // 40 pages of 4.8 MB
  slow->Write(Data(text));
  slow->WritesDone();
  v1::RenderResponse response;
  ASSERT_TRUE(slow->Read(&response));
  // The only worker is free for others while the slow client reads nothing.
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(server.RenderText(Lines(20)).status.ok());
  const RenderOutcome rest = ReadOutcome(*slow);
  EXPECT_TRUE(rest.status.ok());
  EXPECT_EQ(rest.pages.size(), 41u);
}

TEST(RenderCallTest, FreesEverythingWhenTheClientCancels) {
  RenderTestServer server(2, 8);
  const std::string text = Lines(20000);
  for (int stage = 0; stage < 6; ++stage) {
    grpc::ClientContext context;
    const auto stream = server.stub().Render(&context);
    stream->Write(StartText("noto-1024"));
    if (stage > 0) stream->Write(Data(text));
    if (stage > 1) stream->WritesDone();
    v1::RenderResponse response;
    for (int i = 2; i < stage; ++i) stream->Read(&response);
    context.TryCancel();
    EXPECT_EQ(ReadOutcome(*stream).status.error_code(), grpc::StatusCode::CANCELLED);
  }
  AwaitCalls(server, 0);
  EXPECT_TRUE(server.RenderText("x").status.ok());
}

TEST(RenderCallTest, KeepsTheClientsDeadline) {
  RenderTestServer server(1, 8);
  for (const auto timeout : {std::chrono::milliseconds(-1), std::chrono::milliseconds(1),
                             std::chrono::milliseconds(50)}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const auto stream = server.stub().Render(&context);
    stream->Write(StartText());  // never half-closed
    EXPECT_EQ(ReadOutcome(*stream).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  AwaitCalls(server, 0);
}

TEST(RenderCallTest, EndsCallsThatTakeTooLong) {
  RenderTestServer server(1, 8, absl::Milliseconds(50));
  grpc::ClientContext context;
  const auto stream = server.stub().Render(&context);
  stream->Write(StartText());  // never half-closed, and no deadline
  const RenderOutcome outcome = ReadOutcome(*stream);
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(outcome.reason, "CALL_TOO_LONG");
  AwaitCalls(server, 0);
}

TEST(RenderCallTest, EndsCallsNobodyReads) {
  RenderTestServer server(1, 8, absl::Seconds(2));
  grpc::ClientContext context;
  const auto stream = server.stub().Render(&context);
  stream->Write(StartText("noto-1024"));
  stream->Write(Data(Lines(5000)));
  stream->WritesDone();
  AwaitCalls(server, 1);
  AwaitCalls(server, 0);  // although this client has not read a byte
  EXPECT_FALSE(ReadOutcome(*stream).status.ok());
}

TEST(RenderCallTest, EndsCallsWhenTheServerStops) {
  auto server = std::make_unique<RenderTestServer>(1, 8);
  grpc::ClientContext context;
  const auto stream = server->stub().Render(&context);
  stream->Write(StartText());
  AwaitCalls(*server, 1);
  server.reset();
  EXPECT_FALSE(ReadOutcome(*stream).status.ok());
}

}  // namespace
}  // namespace glyph::render
