#include <unistd.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "tests/vlm_service/server/server_fixture.h"

namespace glyph::vlm {
namespace {

using Code = absl::StatusCode;

// One broken call: what is sent (each offer's answer is awaited) before the half-close, and the
// error it must get.
struct Row {
  std::string name;
  std::vector<v1::GenerateRequest> messages;
  Code code = Code::kInvalidArgument;
  std::string reason;
  std::string field;
};

Row Start(std::string name, const std::function<void(v1::GenerateStart&)>& edit, std::string reason,
          std::string field, Code code = Code::kInvalidArgument) {
  v1::GenerateRequest request = StartRequest("hi", 2, 100);
  edit(*request.mutable_start());
  return {std::move(name), {request}, code, std::move(reason), absl::StrCat("start.", field)};
}

Row Options(std::string name, const std::function<void(v1::GenerationOptions&)>& edit,
            std::string reason, const std::string& field) {
  return Start(
      std::move(name), [&](v1::GenerateStart& start) { edit(*start.mutable_options()); },
      std::move(reason), absl::StrCat("options.", field));
}

Row Page(std::string name, const std::function<void(v1::PageHeader&)>& edit, std::string reason,
         const std::string& field, Code code = Code::kInvalidArgument) {
  ClientPage page = RenderedPage(0, 56, 84);
  edit(page.header);
  return {std::move(name),
          {StartRequest("hi", 2, 20), OfferRequest(page)},
          code,
          std::move(reason),
          absl::StrCat("offer.page", field.empty() ? "" : ".", field)};
}

Row Strips(std::string name, const std::function<void(std::vector<v1::GenerateRequest>&)>& edit,
           std::string reason, std::string field) {
  const ClientPage page = RenderedPage(0, 56, 84);
  std::vector<v1::GenerateRequest> strips = StripRequests(page);
  edit(strips);
  Row row{std::move(name),
          {StartRequest("hi", 2, 20), OfferRequest(page)},
          Code::kInvalidArgument,
          std::move(reason),
          std::move(field)};
  row.messages.insert(row.messages.end(), strips.begin(), strips.end());
  return row;
}

template <typename Value>
std::vector<Row> OptionValues(const std::string& field, const std::string& reason,
                              void (v1::GenerationOptions::*set)(Value),
                              const std::vector<Value>& values) {
  std::vector<Row> rows;
  for (const Value value : values) {
    rows.push_back(Options(
        absl::StrCat(field, " ", value),
        [set, value](v1::GenerationOptions& options) { (options.*set)(value); }, reason, field));
  }
  return rows;
}

std::vector<Row> OptionRows() {
  using O = v1::GenerationOptions;
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::vector<Row> rows;
  const auto add = [&rows](std::vector<Row> more) {
    rows.insert(rows.end(), more.begin(), more.end());
  };
  add(OptionValues<float>("temperature", "TEMPERATURE_OUT_OF_RANGE", &O::set_temperature,
                          {-0.1f, 2.001f, 1e9f, nan, inf, -inf}));
  add(OptionValues<float>("top_p", "TOP_P_OUT_OF_RANGE", &O::set_top_p,
                          {0.0f, -0.5f, 1.0001f, nan, inf, -inf}));
  add(OptionValues<float>("repetition_penalty", "REPETITION_PENALTY_OUT_OF_RANGE",
                          &O::set_repetition_penalty, {0.0f, -1.0f, 10.01f, nan, inf, -inf}));
  add(OptionValues<uint32_t>("top_k", "TOP_K_OUT_OF_RANGE", &O::set_top_k,
                             {321, 1u << 31, 4294967295u}));
  add(OptionValues<uint32_t>("max_tokens", "MAX_TOKENS_OUT_OF_RANGE", &O::set_max_tokens,
                             {0, 2001, 1u << 31, 4294967295u}));
  add(OptionValues<float>("min_p", "OPTION_UNSUPPORTED", &O::set_min_p, {0.0f, 0.1f, nan}));
  add(OptionValues<float>("frequency_penalty", "OPTION_UNSUPPORTED", &O::set_frequency_penalty,
                          {0.0f, 2.0f}));
  add(OptionValues<float>("presence_penalty", "OPTION_UNSUPPORTED", &O::set_presence_penalty,
                          {0.0f, -2.0f}));
  add(OptionValues<uint32_t>("n", "OPTION_UNSUPPORTED", &O::set_n, {0, 2, 1000000}));
  add(OptionValues<uint32_t>("logprobs", "OPTION_UNSUPPORTED", &O::set_logprobs, {1, 4294967295u}));
  rows.push_back(Options(
      "5 stops",
      [](O& options) {
        for (int i = 0; i < 5; ++i) options.add_stop(std::string(1, 'x'));
      },
      "TOO_MANY_STOPS", "stop"));
  rows.push_back(Options(
      "empty stop", [](O& options) { options.add_stop(std::string()); }, "STOP_LENGTH_OUT_OF_RANGE",
      "stop[0]"));
  rows.push_back(Options(
      "stop of 257 bytes",
      [](O& options) {
        options.add_stop(std::string("fine"));
        options.add_stop(std::string(257, 's'));
      },
      "STOP_LENGTH_OUT_OF_RANGE", "stop[1]"));
  rows.push_back(Options(
      "stop of 1 MiB", [](O& options) { options.add_stop(std::string(1 << 20, 's')); },
      "STOP_LENGTH_OUT_OF_RANGE", "stop[0]"));
  return rows;
}

std::vector<Row> StartRows() {
  using S = v1::GenerateStart;
  const auto text = [](S& start, size_t bytes) {
    start.mutable_parts(1)->set_text(std::string(bytes, 'a'));
  };
  return {
      Start(
          "request_id of 129 bytes", [](S& s) { s.set_request_id(std::string(129, 'i')); },
          "REQUEST_ID_INVALID", "request_id"),
      Start(
          "request_id with newline", [](S& s) { s.set_request_id("a\nb"); }, "REQUEST_ID_INVALID",
          "request_id"),
      Start(
          "request_id with NUL", [](S& s) { s.set_request_id(std::string("a\0b", 3)); },
          "REQUEST_ID_INVALID", "request_id"),
      Start(
          "request_id not ASCII", [](S& s) { s.set_request_id("\xC3\xA9"); }, "REQUEST_ID_INVALID",
          "request_id"),
      Start(
          "tenant_salt of 65 bytes", [](S& s) { s.set_tenant_salt(std::string(65, 's')); },
          "TENANT_SALT_TOO_LONG", "tenant_salt"),
      Start(
          "priority 1", [](S& s) { s.set_priority(1); }, "OPTION_UNSUPPORTED", "priority"),
      Start(
          "priority -1", [](S& s) { s.set_priority(-1); }, "OPTION_UNSUPPORTED", "priority"),
      Start(
          "forced_output_ids", [](S& s) { s.add_forced_output_ids(5); }, "OPTION_UNSUPPORTED",
          "forced_output_ids"),
      Start(
          "no parts", [](S& s) { s.clear_parts(); }, "PARTS_OUT_OF_RANGE", "parts"),
      Start(
          "65 parts",
          [](S& s) {
            while (s.parts_size() < 65) s.add_parts()->set_text("a");
          },
          "PARTS_OUT_OF_RANGE", "parts"),
      Start(
          "part without content", [](S& s) { s.add_parts(); }, "PART_EMPTY", "parts[2]"),
      Start(
          "nothing at all",
          [](S& s) {
            s.clear_parts();
            s.add_parts()->set_text("");
          },
          "PROMPT_EMPTY", "parts"),
      Start(
          "text above 512 KiB", [text](S& s) { text(s, (512 << 10) + 1); }, "TEXT_TOO_LONG",
          "parts"),
      Start(
          "257 pages",
          [](S& s) {
            s.mutable_parts(0)->mutable_pages()->set_max_pages(257);
            s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(257);
          },
          "TOO_MANY_PAGES", "parts"),
      Start(
          "257 pages over two groups",
          [](S& s) {
            s.mutable_parts(0)->mutable_pages()->set_max_pages(200);
            s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(200);
            s.add_parts()->mutable_pages()->set_max_pages(57);
            s.mutable_parts(2)->mutable_pages()->set_max_visual_tokens(57);
          },
          "TOO_MANY_PAGES", "parts"),
      Start(
          "fewer image tokens than pages",
          [](S& s) { s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(1); },
          "VISUAL_TOKENS_BELOW_PAGES", "parts[0].pages.max_visual_tokens"),
  };
}

// Errors of size carry no field.
std::vector<Row> SizeRows() {
  const auto sized = [](std::string name, uint64_t visual, size_t text, uint32_t max_tokens,
                        Code code, std::string reason) {
    v1::GenerateRequest start = StartRequest(std::string(text, 'a'), 1, visual);
    if (max_tokens > 0) start.mutable_start()->mutable_options()->set_max_tokens(max_tokens);
    return Row{std::move(name), {start}, code, std::move(reason), ""};
  };
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  return {
      sized("text above the context", 1, 3000, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("512 KiB of text", 1, 512 << 10, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("prompt and max_tokens above the context", 1, 1000, 1000, Code::kOutOfRange,
            "CONTEXT_LENGTH_EXCEEDED"),
      sized("2^64 - 1 image tokens", huge, 5, 0, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("2^63 image tokens", huge / 2 + 1, 5, 1, Code::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED"),
      sized("more image tokens than the arena", 401, 5, 10, Code::kResourceExhausted,
            "VISION_CAPACITY"),
  };
}

std::vector<Row> PageRows() {
  using H = v1::PageHeader;
  std::vector<Row> rows;
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

std::vector<Row> StripRows() {
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

std::vector<Row> OrderRows() {
  const ClientPage page = RenderedPage(0, 56, 84);
  v1::GenerateRequest two_groups = StartRequest("hi", 1, 20);
  *two_groups.mutable_start()->add_parts() = two_groups.start().parts(0);
  v1::GenerateRequest one_page = StartRequest("hi", 1, 20);
  std::vector<v1::GenerateRequest> backwards = {two_groups, OfferRequest(page, 2)};
  std::vector<v1::GenerateRequest> too_many = {one_page, OfferRequest(page)};
  for (const auto& strip : StripRequests(page)) {
    backwards.push_back(strip);
    too_many.push_back(strip);
  }
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

class BadInputTest : public ServerFixture {
 protected:
  absl::Status Run(const Row& row) {
    VlmClient client(stub());
    size_t num_offers = 0;
    for (const v1::GenerateRequest& message : row.messages) {
      if (!client.Send(message)) break;
      if (!message.has_offer()) continue;
      ++num_offers;
      client.ReadUntil([&](const Answer& answer) { return answer.decisions.size() == num_offers; });
    }
    client.HalfClose();
    return client.Finish().status;
  }

  void ExpectRefused(const std::vector<Row>& rows) {
    const auto leaks = testing::ContainsRegex("0x[0-9a-f]{6,}|/usr|/home|/work|[.]cc|[.]h:");
    const pid_t pid = getpid();
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      const absl::Status status = Run(row);
      const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
      EXPECT_EQ(status.code(), row.code) << status;
      EXPECT_EQ(details.reason, row.reason) << status;
      EXPECT_EQ(details.field, row.field) << status;
      EXPECT_THAT(std::string(status.message()), testing::Not(leaks));
    }
    EXPECT_TRUE(Ask(stub(), StartRequest("hi")).status.ok());  // alive, and nothing is lost
    EXPECT_EQ(getpid(), pid);
    ExpectNothingLeft();
  }
};

TEST_F(BadInputTest, RefusesGenerationOptions) { ExpectRefused(OptionRows()); }
TEST_F(BadInputTest, RefusesStarts) { ExpectRefused(StartRows()); }
TEST_F(BadInputTest, RefusesWhatIsTooLarge) { ExpectRefused(SizeRows()); }
TEST_F(BadInputTest, RefusesPageHeaders) { ExpectRefused(PageRows()); }
TEST_F(BadInputTest, RefusesStrips) { ExpectRefused(StripRows()); }
TEST_F(BadInputTest, RefusesMessagesOutOfOrder) { ExpectRefused(OrderRows()); }

TEST_F(BadInputTest, NamesAllWrongFieldsAtOnce) {
  v1::GenerateRequest start = StartRequest("hi");
  start.mutable_start()->set_priority(3);
  start.mutable_start()->mutable_options()->set_top_p(7);
  start.mutable_start()->mutable_options()->set_max_tokens(0);
  const auto violations = rpc::GetFieldViolations(Ask(stub(), start).status);
  ASSERT_EQ(violations.size(), 3u);
  EXPECT_EQ(violations[0].field, "start.priority");
  EXPECT_EQ(violations[1].field, "start.options.top_p");
  EXPECT_EQ(violations[2].field, "start.options.max_tokens");
}

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

TEST_F(BadInputTest, TakesEveryOptionAtItsLimits) {
  for (const bool high : {false, true}) {
    v1::GenerateRequest start = StartRequest("hi");
    v1::GenerationOptions* options = start.mutable_start()->mutable_options();
    options->set_temperature(high ? 2.0f : 0.0f);
    options->set_top_p(high ? 1.0f : 1e-6f);
    options->set_top_k(high ? 320 : 0);
    options->set_repetition_penalty(high ? 10.0f : 1e-6f);
    options->set_max_tokens(high ? 1900 : 1);
    options->set_seed(high ? std::numeric_limits<uint64_t>::max() : 0);
    options->set_n(1);
    options->set_logprobs(0);
    for (int i = 0; i < (high ? 4 : 1); ++i) options->add_stop(std::string(high ? 256 : 1, 'z'));
    start.mutable_start()->set_request_id(std::string(high ? 128 : 1, '~'));
    start.mutable_start()->set_tenant_salt(std::string(high ? 64 : 0, 's'));
    EXPECT_TRUE(Ask(stub(), start).status.ok()) << Ask(stub(), start).status;
  }
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
