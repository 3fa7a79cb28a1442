// Bad input after the first message, and what is too large.
#include "tests/vlm_service/server/bad_input.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

using Code = absl::StatusCode;

class BadInputTest : public BadInputFixture {};

BadCall Page(std::string name, const std::function<void(v1::PageHeader&)>& edit, std::string reason,
             const std::string& field, Code code = Code::kInvalidArgument) {
  ClientPage page = RenderedPage(0, 56, 84);
  edit(page.header);
  return {std::move(name),
          {StartRequest("hi", 2, 20), OfferRequest(page)},
          code,
          std::move(reason),
          absl::StrCat("offer.page", field.empty() ? "" : ".", field)};
}

BadCall Strips(std::string name, const std::function<void(std::vector<v1::GenerateRequest>&)>& edit,
               std::string reason, std::string field) {
  static uint8_t gray = 0;  // a page of its own, so that its pixels are asked for
  const ClientPage page = RenderedPage(0, 56, 84, ++gray);
  std::vector<v1::GenerateRequest> strips = StripRequests(page);
  edit(strips);
  BadCall row{std::move(name),
              {StartRequest("hi", 2, 20), OfferRequest(page)},
              Code::kInvalidArgument,
              std::move(reason),
              std::move(field)};
  row.messages.insert(row.messages.end(), strips.begin(), strips.end());
  return row;
}

// Within the contract, above the slots of this server.
BadCall TooManySamples() {
  v1::GenerateRequest start = StartRequest("hi");
  start.mutable_start()->mutable_options()->set_n(8);
  return {"8 samples on 4 slots", {start}, Code::kResourceExhausted, "SLOT_CAPACITY", ""};
}

// Errors of the whole size carry no field.
std::vector<BadCall> SizeRows() {
  const auto sized = [](std::string name, uint64_t visual, size_t text, uint32_t max_tokens,
                        Code code, std::string reason) {
    v1::GenerateRequest start = StartRequest(std::string(text, 'a'), 1, visual);
    if (max_tokens > 0) start.mutable_start()->mutable_options()->set_max_tokens(max_tokens);
    return BadCall{std::move(name), {start}, code, std::move(reason), ""};
  };
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  return {
      sized("text above the context", 1, 3000, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("512 KiB of text", 1, 512 << 10, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("prompt and max_tokens above the context", 1, 1000, 1000, Code::kOutOfRange,
            "CONTEXT_LENGTH_EXCEEDED"),
      sized("2^64 - 1 image tokens", huge, 5, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("2^63 image tokens", huge / 2 + 1, 5, 1, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      TooManySamples(),
      {"page of more image tokens than this server takes",
       {StartRequest("hi", 1, 400), OfferRequest(RenderedPage(0, 56, 101 * 28))},
       Code::kResourceExhausted,
       "VISION_CAPACITY",
       "offer.page"},
  };
}

std::vector<BadCall> PageRows() {
  using H = v1::PageHeader;
  std::vector<BadCall> rows;
  for (const uint32_t side : {0u, 16385u, 1u << 31, 4294967295u}) {
    rows.push_back(Page(
        absl::StrCat("width ", side), [side](H& h) { h.set_width_px(side); },
        "PAGE_SIZE_OUT_OF_RANGE", "width_px"));
    rows.push_back(Page(
        absl::StrCat("height ", side), [side](H& h) { h.set_height_px(side); },
        "PAGE_SIZE_OUT_OF_RANGE", "height_px"));
  }
  for (const uint32_t side : {1u, 2u, 13u, 14u, 27u, 29u, 55u, 57u, 1025u}) {
    rows.push_back(Page(
        absl::StrCat("rendered width ", side), [side](H& h) { h.set_width_px(side); },
        "PAGE_SIZE_UNSUPPORTED", "width_px"));
  }
  rows.push_back(Page(
      "16384 x 1052 px",
      [](H& h) {
        h.set_width_px(16384);
        h.set_height_px(1052);
      },
      "PAGE_SIZE_OUT_OF_RANGE", "height_px"));
  rows.push_back(Page(
      "upload of 1 x 201 px",
      [](H& h) {
        h.set_origin(v1::PAGE_ORIGIN_UPLOADED);
        h.set_width_px(1);
        h.set_height_px(201);
      },
      "PAGE_SIZE_UNSUPPORTED", "width_px"));
  for (const int format : {0, 3, 99}) {
    rows.push_back(Page(
        absl::StrCat("format ", format),
        [format](H& h) { h.set_format(static_cast<v1::PixelFormat>(format)); },
        "PIXEL_FORMAT_UNSUPPORTED", "format"));
  }
  rows.push_back(Page(
      "rendered in colour", [](H& h) { h.set_format(v1::PIXEL_FORMAT_RGB8); },
      "PIXEL_FORMAT_UNSUPPORTED", "format"));
  for (const int origin : {0, 3, 99}) {
    rows.push_back(Page(
        absl::StrCat("origin ", origin),
        [origin](H& h) { h.set_origin(static_cast<v1::PageOrigin>(origin)); },
        "PAGE_ORIGIN_UNKNOWN", "origin"));
  }
  for (const size_t bytes : {0, 31, 33}) {
    rows.push_back(Page(
        absl::StrCat("page_key of ", bytes, " bytes"),
        [bytes](H& h) { h.set_page_key(std::string(bytes, 'k')); }, "PAGE_KEY_LENGTH_INVALID",
        "page_key"));
    rows.push_back(Page(
        absl::StrCat("fingerprint of ", bytes, " bytes"),
        [bytes](H& h) { h.set_profile_fingerprint(std::string(bytes, 'F')); },
        "FINGERPRINT_LENGTH_INVALID", "profile_fingerprint"));
  }
  rows.push_back(Page(
      "another profile", [](H& h) { h.set_profile_fingerprint(std::string(32, 'X')); },
      "PROFILE_MISMATCH", "profile_fingerprint", Code::kFailedPrecondition));
  rows.push_back(Page(
      "first page is page 1", [](H& h) { h.set_page_index(1); }, "PAGE_OUT_OF_ORDER",
      "page_index"));
  rows.push_back(Page(
      "more image tokens than announced", [](H& h) { h.set_height_px(308); },
      "VISUAL_TOKENS_ABOVE_BOUND", ""));
  return rows;
}

std::vector<BadCall> StripRows() {
  using Requests = std::vector<v1::GenerateRequest>;
  const auto resize = [](Requests& strips, size_t index, size_t bytes) {
    strips[index].mutable_strip()->set_pixels(std::string(bytes, 'p'));
  };
  return {
      Strips(
          "empty strip", [resize](Requests& s) { resize(s, 0, 0); }, "STRIP_INVALID",
          "strip.pixels"),
      Strips(
          "strip one byte short", [resize](Requests& s) { resize(s, 1, 28 * 56 - 1); },
          "STRIP_INVALID", "strip.pixels"),
      Strips(
          "strip one byte long", [resize](Requests& s) { resize(s, 1, 28 * 56 + 1); },
          "STRIP_INVALID", "strip.pixels"),
      Strips(
          "strip of 27 rows", [resize](Requests& s) { resize(s, 0, 27 * 56); }, "STRIP_INVALID",
          "strip.pixels"),
      Strips(
          "strip beyond the page", [resize](Requests& s) { resize(s, 2, 2 * 28 * 56); },
          "STRIP_INVALID", "strip.pixels"),
      Strips(
          "strip above 1 MiB", [resize](Requests& s) { resize(s, 0, 28 * 56 * 669); },
          "STRIP_INVALID", "strip.pixels"),
      Strips(
          "gap", [](Requests& s) { s[1].mutable_strip()->set_first_row(56); }, "STRIP_INVALID",
          "strip.first_row"),
      Strips(
          "overlap", [](Requests& s) { s[1].mutable_strip()->set_first_row(0); }, "STRIP_INVALID",
          "strip.first_row"),
      Strips(
          "strip of another page", [](Requests& s) { s[0].mutable_strip()->set_page_index(1); },
          "PAGE_OUT_OF_ORDER", "strip.page_index"),
      Strips(
          "one strip too many", [](Requests& s) { s.push_back(s.back()); }, "PAGE_OUT_OF_ORDER",
          "strip"),
      Strips(
          "half-closed inside a page", [](Requests& s) { s.pop_back(); }, "PAGE_OUT_OF_ORDER",
          "strip"),
      Strips(
          "next page before the strips",
          [](Requests& s) { s = {OfferRequest(RenderedPage(1, 56, 84))}; }, "PAGE_OUT_OF_ORDER",
          "offer"),
      Strips(
          "next page with the same index",
          [](Requests& s) { s.push_back(OfferRequest(RenderedPage(0, 56, 84))); },
          "PAGE_OUT_OF_ORDER", "offer.page.page_index"),
      Strips(
          "next page in a text part",
          [](Requests& s) { s.push_back(OfferRequest(RenderedPage(1, 56, 84), 1)); },
          "PART_INDEX_INVALID", "offer.part_index"),
      Strips(
          "next page in a part that is not there",
          [](Requests& s) { s.push_back(OfferRequest(RenderedPage(1, 56, 84), 2)); },
          "PART_INDEX_INVALID", "offer.part_index"),
      Strips(
          "empty message", [](Requests& s) { s = {v1::GenerateRequest()}; }, "MESSAGE_OUT_OF_ORDER",
          "message"),
      Strips(
          "second start", [](Requests& s) { s = {StartRequest("again")}; }, "MESSAGE_OUT_OF_ORDER",
          "start"),
  };
}

std::vector<BadCall> OrderRows() {
  const ClientPage page = RenderedPage(0, 56, 84);
  v1::GenerateRequest two_groups = StartRequest("hi", 1, 20);
  *two_groups.mutable_start()->add_parts() = two_groups.start().parts(0);
  v1::GenerateRequest one_page = StartRequest("hi", 1, 20);
  std::vector<v1::GenerateRequest> backwards = {two_groups, OfferRequest(page, 2)};
  const ClientPage other_page = RenderedPage(0, 56, 84, 1);
  std::vector<v1::GenerateRequest> too_many = {one_page, OfferRequest(other_page)};
  for (const auto& strip : StripRequests(page)) backwards.push_back(strip);
  for (const auto& strip : StripRequests(other_page)) too_many.push_back(strip);
  backwards.push_back(OfferRequest(RenderedPage(1, 56, 84), 0));
  too_many.push_back(OfferRequest(RenderedPage(1, 56, 84)));
  return {
      {"half-closed before start", {}, Code::kInvalidArgument, "MESSAGE_OUT_OF_ORDER", "start"},
      {"offer before start",
       {OfferRequest(page)},
       Code::kInvalidArgument,
       "MESSAGE_OUT_OF_ORDER",
       "offer"},
      {"strip before start",
       {StripRequests(page)[0]},
       Code::kInvalidArgument,
       "MESSAGE_OUT_OF_ORDER",
       "strip"},
      {"strip before an offer",
       {StartRequest("hi", 1, 20), StripRequests(page)[0]},
       Code::kInvalidArgument,
       "PAGE_OUT_OF_ORDER",
       "strip"},
      {"groups backwards", backwards, Code::kInvalidArgument, "PAGE_OUT_OF_ORDER",
       "offer.part_index"},
      {"more pages than announced", too_many, Code::kInvalidArgument, "PAGES_ABOVE_BOUND",
       "offer.part_index"},
  };
}

TEST_F(BadInputTest, RefusesWhatIsTooLarge) { ExpectRefused(SizeRows()); }
TEST_F(BadInputTest, RefusesPageHeaders) { ExpectRefused(PageRows()); }
TEST_F(BadInputTest, RefusesStrips) { ExpectRefused(StripRows()); }
TEST_F(BadInputTest, RefusesMessagesOutOfOrder) { ExpectRefused(OrderRows()); }

TEST_F(BadInputTest, RefusesStripsBeforeTheOfferWasAnswered) {
  executor_->Pause();
  std::vector<std::unique_ptr<VlmClient>> holders;  // of all slots, so that nothing is admitted
  for (int i = 0; i < kLimits.max_slots; ++i) {
    holders.push_back(std::make_unique<VlmClient>(stub()));
    v1::GenerateRequest small = StartRequest("?", 1, 6);
    small.mutable_start()->mutable_options()->set_max_tokens(10);
    holders.back()->Send(small);
    holders.back()->ReadUntil([](const Answer& answer) { return answer.admitted.has_value(); });
  }
  const ClientPage page = RenderedPage(0, 56, 84);
  VlmClient client(stub());
  client.Send(StartRequest("?", 1, 6));
  client.Send(OfferRequest(page));
  client.Send(StripRequests(page)[0]);
  const absl::Status status = client.Finish().status;
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "MESSAGE_OUT_OF_ORDER");
  executor_->Resume();
  for (const auto& holder : holders) holder->Cancel();
  for (const auto& holder : holders) holder->Finish();
}

TEST_F(BadInputTest, TakesUploadsOfEverySmallSize) {
  for (const uint32_t width : {1u, 2u, 13u, 14u, 27u, 28u, 29u}) {
    for (const uint32_t height : {1u, 2u, 27u, 29u, 56u}) {
      ClientPage page = RenderedPage(0, width, height);
      page.header.set_origin(v1::PAGE_ORIGIN_UPLOADED);
      const Answer answer = Ask(stub(), StartRequest("?", 1, 400), {page});
      EXPECT_TRUE(answer.status.ok()) << width << "x" << height << ": " << answer.status;
    }
  }
}

}  // namespace
}  // namespace glyph::vlm
