// HAVE and NEED over the wire.
#include "proto/rpc/error.h"
#include "tests/vlm_service/server/server_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr auto kHave = v1::PAGE_ANSWER_HAVE;
constexpr auto kNeed = v1::PAGE_ANSWER_NEED;

std::vector<v1::PageAnswer> Decisions(const Answer& answer) {
  std::vector<v1::PageAnswer> answers;
  for (const v1::PageDecision& decision : answer.decisions) answers.push_back(decision.answer());
  return answers;
}

class PageAnswerTest : public ServerFixture {};

TEST_F(PageAnswerTest, ASecondIdenticalRequestSendsNoPixels) {
  const std::vector<ClientPage> pages = {RenderedPage(0, 56, 84, 1), RenderedPage(1, 84, 112, 2),
                                         RenderedPage(2, 56, 84, 3)};
  const Answer first = Ask(stub(), StartRequest("what?", 3, 30), pages);
  const int64_t num_encoded = executor_->num_pages_begun();
  const Answer second = Ask(stub(), StartRequest("what?", 3, 30), pages);  // as the server answers
  ASSERT_TRUE(first.status.ok()) << first.status;
  ASSERT_TRUE(second.status.ok()) << second.status;
  EXPECT_THAT(Decisions(first), ElementsAre(kNeed, kNeed, kNeed));
  EXPECT_THAT(Decisions(second), ElementsAre(kHave, kHave, kHave));
  EXPECT_EQ(num_encoded, 3);
  EXPECT_EQ(executor_->num_pages_begun(), 3);
  ASSERT_EQ(second.encoded.size(), 3u);
  EXPECT_EQ(second.encoded[1].visual_tokens(), 12u);
  EXPECT_EQ(second.finished->visual_tokens(), first.finished->visual_tokens());
  EXPECT_EQ(second.finished->prompt_tokens(), first.finished->prompt_tokens());
  EXPECT_EQ(second.text, first.text);
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, APageMayComeTwiceInOneRequest) {
  const Answer answer =
      Ask(stub(), StartRequest("?", 2, 12), {RenderedPage(0, 56, 84), RenderedPage(1, 56, 84)});
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.finished->visual_tokens(), 12u);
  EXPECT_EQ(executor_->num_pages_begun(), 1);
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, NeedsThePixelsOfEveryOtherPage) {
  const ClientPage known = RenderedPage(0, 56, 84);
  ASSERT_TRUE(Ask(stub(), StartRequest("?", 1, 400), {known}).status.ok());
  const auto answer_to = [&](const std::function<void(v1::PageHeader&)>& edit,
                             const std::string& tenant) {
    ClientPage page = known;
    edit(page.header);
    page.pixels.assign(static_cast<size_t>(page.header.width_px()) * page.header.height_px() *
                           (page.header.format() == v1::PIXEL_FORMAT_RGB8 ? 3 : 1),
                       '\xff');
    v1::GenerateRequest start = StartRequest("?", 1, 400);
    start.mutable_start()->set_tenant_salt(tenant);
    const Answer answer = Ask(stub(), start, {page});
    EXPECT_TRUE(answer.status.ok()) << answer.status;
    return answer.decisions.at(0).answer();
  };
  const auto unchanged = [](v1::PageHeader&) {};
  EXPECT_EQ(answer_to(unchanged, ""), kHave);
  EXPECT_EQ(answer_to(unchanged, "another tenant"), kNeed);
  EXPECT_EQ(answer_to([](v1::PageHeader& h) { h.mutable_page_key()->back() ^= 1; }, ""), kNeed);
  EXPECT_EQ(answer_to(
                [](v1::PageHeader& h) {  // as many bytes
                  h.set_width_px(84);
                  h.set_height_px(56);
                },
                ""),
            kNeed);
  EXPECT_EQ(answer_to([](v1::PageHeader& h) { h.set_origin(v1::PAGE_ORIGIN_UPLOADED); }, ""),
            kNeed);
  EXPECT_EQ(answer_to(
                [](v1::PageHeader& h) {
                  h.set_origin(v1::PAGE_ORIGIN_UPLOADED);
                  h.set_format(v1::PIXEL_FORMAT_RGB8);
                },
                ""),
            kNeed);
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, RefusesStripsOfAPageItHas) {
  const ClientPage page = RenderedPage(0, 56, 84);
  ASSERT_TRUE(Ask(stub(), StartRequest("?", 1, 6), {page}).status.ok());
  VlmClient client(stub());
  client.Send(StartRequest("?", 1, 6));
  client.Send(OfferRequest(page));
  ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return !answer.decisions.empty(); }));
  ASSERT_EQ(client.answer().decisions[0].answer(), kHave);
  client.Send(StripRequests(page)[0]);
  const absl::Status status = client.Finish().status;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "PAGE_OUT_OF_ORDER");
  EXPECT_EQ(rpc::GetErrorDetails(status).field, "strip");
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, ReadsMoreImageTokensThanItHoldsAtOnce) {
  std::vector<ClientPage> pages;
  for (uint32_t i = 0; i < 5; ++i) {  // 5 times 200 of 400
    pages.push_back(RenderedPage(i, 56, 100 * 28, static_cast<uint8_t>(i)));
  }
  v1::GenerateRequest start = StartRequest("?", 5, 1000);
  const Answer answer = Ask(stub(), start, pages);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(Decisions(answer), Each(kNeed));
  EXPECT_EQ(answer.finished->visual_tokens(), 1000u);
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, TakesPagesUpToItsLimitAndNamesIt) {
  const auto status_of = [&](uint32_t tokens) {
    const Answer answer =
        Ask(stub(), StartRequest("?", 1, 400), {RenderedPage(0, 28, tokens * 28)});
    return answer.status;
  };
  EXPECT_TRUE(status_of(199).ok());
  EXPECT_TRUE(status_of(200).ok());
  const absl::Status status = status_of(201);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "VISION_CAPACITY");
  EXPECT_EQ(status.message(),
            "the page needs 201 image tokens; this server takes 200 of a page (--max-page-tokens); "
            "send smaller pages");
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, FitsAnUploadOnceItIsComplete) {
  ClientPage page = RenderedPage(0, 56, 84);
  page.header.set_origin(v1::PAGE_ORIGIN_UPLOADED);
  std::vector<int64_t> fitted;
  model_.fit_page = [&](PageImage image, const PageGrid& grid) -> absl::StatusOr<PageImage> {
    EXPECT_EQ(image.pixels.size(), 56u * 84u);
    fitted.push_back(grid.num_tokens());
    if (fitted.size() > 1) return absl::ResourceExhaustedError("no memory for it");
    return image;
  };
  EXPECT_TRUE(Ask(stub(), StartRequest("?", 1, 100), {page}).status.ok());
  page.header.mutable_page_key()->back() ^= 1;
  const Answer refused = Ask(stub(), StartRequest("?", 1, 100), {page});
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.status.message(), "no memory for it");
  const int64_t tokens = PageGridOf(PageOrigin::kUploaded, 56, 84, model_.pages)->num_tokens();
  EXPECT_THAT(fitted, ElementsAre(tokens, tokens));
  ExpectNothingLeft();
}

TEST_F(PageAnswerTest, ServesManyReadersOfOnePage) {
  const ClientPage page = RenderedPage(0, 56, 84);
  std::vector<std::unique_ptr<VlmClient>> clients;
  for (int i = 0; i < kLimits.max_slots; ++i) {  // more would wait for each other's pixels
    clients.push_back(std::make_unique<VlmClient>(stub()));
    clients.back()->Send(StartRequest("?", 1, 6));
    clients.back()->Send(OfferRequest(page));
  }
  for (const auto& client : clients) {
    ASSERT_TRUE(client->ReadUntil([](const Answer& answer) { return !answer.decisions.empty(); }));
    if (client->answer().decisions[0].answer() == kNeed) {
      for (const v1::GenerateRequest& strip : StripRequests(page)) client->Send(strip);
    }
    client->HalfClose();
    EXPECT_EQ(client->Finish().text, "hello");
  }
  EXPECT_EQ(executor_->num_pages_begun(), 1);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace glyph::vlm
