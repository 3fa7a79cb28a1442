#include "gateway/routing/ask_validation.h"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

v1::AskRequest ValidRequest() {
  v1::AskRequest request;
  request.add_parts()->set_text("What is it?");
  return request;
}

// One change to a valid request; field and reason of the violation, both empty when it stays valid.
struct Row {
  const char* name;
  std::function<void(v1::AskRequest&)> change;
  std::string field;
  std::string reason;
};

v1::GenerationOptions& Generation(v1::AskRequest& r) { return *r.mutable_generation(); }

std::vector<Row> PartRows() {
  const auto parts = [](int count) {
    return [count](v1::AskRequest& r) {
      r.clear_parts();
      for (int i = 0; i < count; ++i) r.add_parts()->set_text("x");
    };
  };
  const auto document = [](size_t bytes) {
    return [bytes](v1::AskRequest& r) {
      r.add_parts()->mutable_document()->set_text(std::string(bytes, 'x'));
    };
  };
  const auto image = [](size_t bytes) {
    return [bytes](v1::AskRequest& r) {
      r.add_parts()->mutable_image()->set_data(std::string(bytes, 'x'));
    };
  };
  const auto text = [](size_t bytes) {
    return [bytes](v1::AskRequest& r) { r.mutable_parts(0)->set_text(std::string(bytes, 'x')); };
  };
  return {
      {"no part", parts(0), "parts", "PARTS_OUT_OF_RANGE"},
      {"1 part", parts(1), "", ""},
      {"64 parts", parts(64), "", ""},
      {"65 parts", parts(65), "parts", "PARTS_OUT_OF_RANGE"},
      {"unset part", [](auto& r) { r.add_parts(); }, "parts[1]", "PART_NOT_SET"},
      {"document at the limit", document(16 << 20), "", ""},
      {"document above", document((16 << 20) + 1), "parts[1].document.text", "INPUT_TOO_LARGE"},
      {"empty document", document(0), "", ""},
      {"image at the limit", image(16 << 20), "", ""},
      {"image above", image((16 << 20) + 1), "parts[1].image.data", "INPUT_TOO_LARGE"},
      {"empty image", image(0), "parts[1].image.data", "IMAGE_EMPTY"},
      {"text at the limit", text(512 << 10), "", ""},
      {"text above", text((512 << 10) + 1), "parts", "INPUT_TOO_LARGE"},
      {"texts above together",
       [](auto& r) {
         r.mutable_parts(0)->set_text(std::string(512 << 10, 'x'));
         r.add_parts()->set_text("y");
       },
       "parts", "INPUT_TOO_LARGE"},
      {"all empty", text(0), "parts", "REQUEST_EMPTY"},
      {"text that is not UTF-8", [](auto& r) { r.mutable_parts(0)->set_text("ab\x80"); },
       "parts[0].text", "INVALID_UTF8"},
  };
}

std::vector<Row> GenerationRows() {
  const auto temperature = [](float v) {
    return [v](v1::AskRequest& r) { Generation(r).set_temperature(v); };
  };
  const auto top_p = [](float v) { return [v](v1::AskRequest& r) { Generation(r).set_top_p(v); }; };
  const auto penalty = [](float v) {
    return [v](v1::AskRequest& r) { Generation(r).set_repetition_penalty(v); };
  };
  const auto max_tokens = [](uint32_t v) {
    return [v](v1::AskRequest& r) { Generation(r).set_max_tokens(v); };
  };
  const auto stop = [](int count, size_t bytes) {
    return [count, bytes](v1::AskRequest& r) {
      for (int i = 0; i < count; ++i) Generation(r).add_stop(std::string(bytes, 's'));
    };
  };
  const std::string t = "generation.temperature", p = "generation.top_p",
                    rp = "generation.repetition_penalty";
  return {
      {"max_tokens 0", max_tokens(0), "generation.max_tokens", "MAX_TOKENS_OUT_OF_RANGE"},
      {"max_tokens 1", max_tokens(1), "", ""},
      {"max_tokens 2^32-1 is the model's matter", max_tokens(0xffffffff), "", ""},
      {"temperature -0.1", temperature(-0.1f), t, "TEMPERATURE_OUT_OF_RANGE"},
      {"temperature 0", temperature(0), "", ""},
      {"temperature 2", temperature(2), "", ""},
      {"temperature 2.001", temperature(2.001f), t, "TEMPERATURE_OUT_OF_RANGE"},
      {"temperature NaN", temperature(std::nanf("")), t, "TEMPERATURE_OUT_OF_RANGE"},
      {"temperature 1e9", temperature(1e9f), t, "TEMPERATURE_OUT_OF_RANGE"},
      {"top_p 0", top_p(0), p, "TOP_P_OUT_OF_RANGE"},
      {"top_p 0.001", top_p(0.001f), "", ""},
      {"top_p 1", top_p(1), "", ""},
      {"top_p 1.001", top_p(1.001f), p, "TOP_P_OUT_OF_RANGE"},
      {"top_p NaN", top_p(std::nanf("")), p, "TOP_P_OUT_OF_RANGE"},
      {"penalty 0", penalty(0), rp, "REPETITION_PENALTY_OUT_OF_RANGE"},
      {"penalty 10", penalty(10), "", ""},
      {"penalty 10.01", penalty(10.01f), rp, "REPETITION_PENALTY_OUT_OF_RANGE"},
      {"penalty infinite", penalty(INFINITY), rp, "REPETITION_PENALTY_OUT_OF_RANGE"},
      {"4 stops", stop(4, 256), "", ""},
      {"5 stops", stop(5, 1), "generation.stop", "TOO_MANY_STOPS"},
      {"empty stop", stop(1, 0), "generation.stop[0]", "STOP_LENGTH_OUT_OF_RANGE"},
      {"stop of 257 bytes", stop(1, 257), "generation.stop[0]", "STOP_LENGTH_OUT_OF_RANGE"},
  };
}

std::vector<Row> SamplingRows() {
  const auto min_p = [](float v) { return [v](v1::AskRequest& r) { Generation(r).set_min_p(v); }; };
  const auto frequency = [](float v) {
    return [v](v1::AskRequest& r) { Generation(r).set_frequency_penalty(v); };
  };
  const auto presence = [](float v) {
    return [v](v1::AskRequest& r) { Generation(r).set_presence_penalty(v); };
  };
  const auto n = [](uint32_t v) { return [v](v1::AskRequest& r) { Generation(r).set_n(v); }; };
  const auto logprobs = [](uint32_t v) {
    return [v](v1::AskRequest& r) { Generation(r).set_logprobs(v); };
  };
  const std::string m = "generation.min_p", f = "generation.frequency_penalty",
                    p = "generation.presence_penalty";
  return {
      {"min_p -0.001", min_p(-0.001f), m, "MIN_P_OUT_OF_RANGE"},
      {"min_p 0", min_p(0), "", ""},
      {"min_p 1", min_p(1), "", ""},
      {"min_p 1.001", min_p(1.001f), m, "MIN_P_OUT_OF_RANGE"},
      {"min_p NaN", min_p(std::nanf("")), m, "MIN_P_OUT_OF_RANGE"},
      {"frequency_penalty -2.001", frequency(-2.001f), f, "FREQUENCY_PENALTY_OUT_OF_RANGE"},
      {"frequency_penalty -2", frequency(-2), "", ""},
      {"frequency_penalty 2", frequency(2), "", ""},
      {"frequency_penalty 2.001", frequency(2.001f), f, "FREQUENCY_PENALTY_OUT_OF_RANGE"},
      {"frequency_penalty NaN", frequency(std::nanf("")), f, "FREQUENCY_PENALTY_OUT_OF_RANGE"},
      {"presence_penalty -2.001", presence(-2.001f), p, "PRESENCE_PENALTY_OUT_OF_RANGE"},
      {"presence_penalty -2", presence(-2), "", ""},
      {"presence_penalty 2", presence(2), "", ""},
      {"presence_penalty 2.001", presence(2.001f), p, "PRESENCE_PENALTY_OUT_OF_RANGE"},
      {"presence_penalty infinite", presence(INFINITY), p, "PRESENCE_PENALTY_OUT_OF_RANGE"},
      {"n 0", n(0), "generation.n", "N_OUT_OF_RANGE"},
      {"n 1", n(1), "", ""},
      {"n 8", n(8), "", ""},
      {"n 9", n(9), "generation.n", "N_OUT_OF_RANGE"},
      {"logprobs 0", logprobs(0), "", ""},
      {"logprobs 20", logprobs(20), "", ""},
      {"logprobs 21", logprobs(21), "generation.logprobs", "LOGPROBS_OUT_OF_RANGE"},
  };
}

std::vector<Row> TokenRows() {
  const auto bias = [](uint32_t count, float value) {
    return [count, value](v1::AskRequest& r) {
      for (uint32_t token = 0; token < count; ++token) {
        v1::LogitBias& added = *Generation(r).add_logit_bias();
        added.set_token_id(token);
        added.set_bias(value);
      }
    };
  };
  const auto forced = [](int count, uint32_t max_tokens, uint32_t n) {
    return [=](v1::AskRequest& r) {
      for (int i = 0; i < count; ++i) r.add_forced_output_ids(7);
      if (max_tokens > 0) Generation(r).set_max_tokens(max_tokens);
      if (n > 0) Generation(r).set_n(n);
    };
  };
  const std::string value = "generation.logit_bias[0].bias", ids = "forced_output_ids";
  return {
      {"1024 biases", bias(1024, 1), "", ""},
      {"1025 biases", bias(1025, 1), "generation.logit_bias", "TOO_MANY_LOGIT_BIASES"},
      {"bias -100", bias(1, -100), "", ""},
      {"bias -100.01", bias(1, -100.01f), value, "LOGIT_BIAS_OUT_OF_RANGE"},
      {"bias 100", bias(1, 100), "", ""},
      {"bias 100.01", bias(1, 100.01f), value, "LOGIT_BIAS_OUT_OF_RANGE"},
      {"bias NaN", bias(1, std::nanf("")), value, "LOGIT_BIAS_OUT_OF_RANGE"},
      {"a token twice",
       [bias](auto& r) {
         bias(1, 1)(r);
         bias(1, 2)(r);
       },
       "generation.logit_bias[1].token_id", "TOKEN_REPEATED"},
      {"forced ids", forced(3, 0, 0), "", ""},
      {"forced ids below max_tokens", forced(3, 4, 1), "", ""},
      {"as many forced ids as max_tokens", forced(4, 4, 1), ids, "FORCED_OUTPUT_TOO_LONG"},
      {"forced ids with two samples", forced(3, 0, 2), ids, "FORCED_OUTPUT_OF_SAMPLES"},
  };
}

std::vector<Row> OtherRows() {
  const auto id = [](const std::string& v) {
    return [v](v1::AskRequest& r) { r.set_request_id(v); };
  };
  const auto profile = [](const std::string& v) {
    return [v](v1::AskRequest& r) { r.mutable_render()->set_profile(v); };
  };
  const auto max_pages = [](uint32_t v) {
    return [v](v1::AskRequest& r) { r.mutable_render()->set_max_pages(v); };
  };
  return {
      {"id of 128 bytes", id(std::string(128, 'i')), "", ""},
      {"id of 129 bytes", id(std::string(129, 'i')), "request_id", "REQUEST_ID_INVALID"},
      {"id with a newline", id("a\nb"), "request_id", "REQUEST_ID_INVALID"},
      {"id that is not ASCII", id("\xC3\xA4"), "request_id", "REQUEST_ID_INVALID"},
      {"profile of 64 bytes", profile(std::string(64, 'p')), "", ""},
      {"profile of 65 bytes", profile(std::string(65, 'p')), "render.profile",
       "PROFILE_NAME_INVALID"},
      {"profile_json", [](auto& r) { r.mutable_render()->set_profile_json("{}"); },
       "render.profile_json", "PROFILE_JSON_SET"},
      {"max_pages 256", max_pages(256), "", ""},
      {"max_pages 257", max_pages(257), "render.max_pages", "MAX_PAGES_OUT_OF_RANGE"},
  };
}

TEST(AskValidationTest, NamesTheFieldAndTheReason) {
  std::vector<Row> rows = PartRows();
  for (auto more : {GenerationRows(), SamplingRows(), TokenRows(), OtherRows()})
    rows.insert(rows.end(), more.begin(), more.end());
  for (const Row& row : rows) {
    v1::AskRequest request = ValidRequest();
    row.change(request);
    const absl::Status status = ValidateAsk(request);
    EXPECT_EQ(status.ok(), row.reason.empty()) << row.name << ": " << status;
    const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
    EXPECT_EQ(details.field, row.field) << row.name;
    EXPECT_EQ(details.reason, row.reason) << row.name;
  }
}

TEST(AskValidationTest, ReportsEveryWrongFieldAtOnce) {
  v1::AskRequest request = ValidRequest();
  request.mutable_generation()->set_temperature(3);
  request.mutable_generation()->set_top_p(0);
  request.mutable_render()->set_max_pages(300);

  std::vector<std::string> fields;
  for (const auto& violation : rpc::GetFieldViolations(ValidateAsk(request))) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, ::testing::ElementsAre("generation.temperature", "generation.top_p",
                                             "render.max_pages"));
}

TEST(AskValidationTest, NamesAtMostTwentyFields) {
  v1::AskRequest request;
  for (int i = 0; i < 30; ++i) request.add_parts();

  EXPECT_EQ(rpc::GetFieldViolations(ValidateAsk(request)).size(), 20u);
}

TEST(AskValidationTest, LeavesEmptyPartsOfAStartToItsChunks) {
  v1::AskRequest request;
  request.add_parts()->mutable_image();
  EXPECT_TRUE(ValidateAskStart(request).ok());
  EXPECT_FALSE(ValidateAsk(request).ok());
}

TEST(AskValidationTest, TakesTheResolutionsOfTheLadder) {
  v1::RenderPagesRequest request;
  for (const uint32_t dpi : {0u, 72u, 96u, 120u}) {
    request.mutable_render()->set_dpi(dpi);
    EXPECT_TRUE(ValidateRenderPages(request).ok()) << dpi;
  }
  for (const uint32_t dpi : {1u, 71u, 73u, 95u, 97u, 119u, 121u, 0xFFFFFFFFu}) {
    request.mutable_render()->set_dpi(dpi);
    EXPECT_EQ(rpc::GetErrorDetails(ValidateRenderPages(request)).field, "render.dpi") << dpi;
  }
}

TEST(AskValidationTest, TakesTheLanguagesOfTheService) {
  v1::RenderPagesRequest request;
  for (const char* language : {"", "zh-Hans", "zh-Hant", "ja", "ko"}) {
    request.mutable_render()->set_language(language);
    EXPECT_TRUE(ValidateRenderPages(request).ok()) << language;
  }
  for (const std::string& language :
       std::vector<std::string>{"zh", "JA", "en", std::string(1 << 20, 'k')}) {
    request.mutable_render()->set_language(language);
    EXPECT_EQ(rpc::GetErrorDetails(ValidateRenderPages(request)).field, "render.language");
  }
}

TEST(AskValidationTest, ChecksRenderPages) {
  v1::RenderPagesRequest request;
  request.mutable_document()->set_text(std::string(16 << 20, 'x'));
  EXPECT_TRUE(ValidateRenderPages(request).ok());
  request.mutable_document()->mutable_text()->push_back('x');
  EXPECT_EQ(rpc::GetErrorDetails(ValidateRenderPages(request)).field, "document.text");
}

}  // namespace
}  // namespace glyph::gateway
