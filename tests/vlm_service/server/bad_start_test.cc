// Bad input in the first message.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "tests/vlm_service/server/bad_input.h"

namespace glyph::vlm {
namespace {

class BadStartTest : public BadInputFixture {};

BadCall Options(std::string name, const std::function<void(v1::GenerationOptions&)>& edit,
                std::string reason, const std::string& field) {
  return BadStart(
      std::move(name), [&](v1::GenerateStart& start) { edit(*start.mutable_options()); },
      std::move(reason), absl::StrCat("options.", field));
}

template <typename Value>
std::vector<BadCall> OptionValues(const std::string& field, const std::string& reason,
                                  void (v1::GenerationOptions::*set)(Value),
                                  const std::vector<Value>& values) {
  std::vector<BadCall> rows;
  for (const Value value : values) {
    rows.push_back(Options(
        absl::StrCat(field, " ", value),
        [set, value](v1::GenerationOptions& options) { (options.*set)(value); }, reason, field));
  }
  return rows;
}

void AddBias(v1::GenerationOptions& options, uint32_t token, float bias) {
  v1::LogitBias* added = options.add_logit_bias();
  added->set_token_id(token);
  added->set_bias(bias);
}

std::vector<BadCall> OptionRows() {
  using O = v1::GenerationOptions;
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::vector<BadCall> rows;
  const auto add = [&rows](std::vector<BadCall> more) {
    rows.insert(rows.end(), more.begin(), more.end());
  };
  add(OptionValues<float>("temperature", "TEMPERATURE_OUT_OF_RANGE", &O::set_temperature,
                          {-0.1f, 2.001f, 1e9f, nan, inf, -inf}));
  add(OptionValues<float>("top_p", "TOP_P_OUT_OF_RANGE", &O::set_top_p,
                          {0.0f, -0.5f, 1.0001f, nan, inf, -inf}));
  add(OptionValues<float>("repetition_penalty", "REPETITION_PENALTY_OUT_OF_RANGE",
                          &O::set_repetition_penalty, {0.0f, -1.0f, 10.01f, nan, inf, -inf}));
  add(OptionValues<uint32_t>("top_k", "TOP_K_OUT_OF_RANGE", &O::set_top_k,
                             {2001, 1u << 31, 4294967295u}));
  add(OptionValues<uint32_t>("max_tokens", "MAX_TOKENS_OUT_OF_RANGE", &O::set_max_tokens,
                             {0, 2001, 1u << 31, 4294967295u}));
  add(OptionValues<float>("min_p", "MIN_P_OUT_OF_RANGE", &O::set_min_p,
                          {-0.001f, 1.001f, nan, inf, -inf}));
  add(OptionValues<float>("frequency_penalty", "FREQUENCY_PENALTY_OUT_OF_RANGE",
                          &O::set_frequency_penalty, {-2.001f, 2.001f, nan, inf, -inf}));
  add(OptionValues<float>("presence_penalty", "PRESENCE_PENALTY_OUT_OF_RANGE",
                          &O::set_presence_penalty, {-2.001f, 2.001f, nan, inf, -inf}));
  add(OptionValues<uint32_t>("n", "N_OUT_OF_RANGE", &O::set_n, {0, 9, 1u << 31, 4294967295u}));
  add(OptionValues<uint32_t>("logprobs", "LOGPROBS_OUT_OF_RANGE", &O::set_logprobs,
                             {21, 1u << 31, 4294967295u}));
  for (const float bias : {-100.01f, 100.01f, nan, inf, -inf}) {
    rows.push_back(Options(
        absl::StrCat("logit_bias ", bias), [bias](O& options) { AddBias(options, 5, bias); },
        "LOGIT_BIAS_OUT_OF_RANGE", "logit_bias[0].bias"));
  }
  for (const uint32_t token : {2000u, 1u << 31, 4294967295u}) {
    rows.push_back(Options(
        absl::StrCat("logit_bias of token ", token),
        [token](O& options) {
          AddBias(options, 5, 1);
          AddBias(options, token, 1);
        },
        "TOKEN_NOT_IN_VOCABULARY", "logit_bias[1].token_id"));
  }
  rows.push_back(Options(
      "two biases of a token",
      [](O& options) {
        for (int i = 0; i < 2; ++i) AddBias(options, 5, 1);
      },
      "TOKEN_REPEATED", "logit_bias[1].token_id"));
  rows.push_back(Options(
      "1025 biases",
      [](O& options) {
        for (uint32_t token = 0; token < 1025; ++token) AddBias(options, token, 1);
      },
      "TOO_MANY_LOGIT_BIASES", "logit_bias"));
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

std::vector<BadCall> StartRows() {
  using S = v1::GenerateStart;
  const auto text = [](S& start, size_t bytes) {
    start.mutable_parts(1)->set_text(std::string(bytes, 'a'));
  };
  return {
      BadStart(
          "request_id of 129 bytes", [](S& s) { s.set_request_id(std::string(129, 'i')); },
          "REQUEST_ID_INVALID", "request_id"),
      BadStart(
          "request_id with newline", [](S& s) { s.set_request_id("a\nb"); }, "REQUEST_ID_INVALID",
          "request_id"),
      BadStart(
          "request_id with NUL", [](S& s) { s.set_request_id(std::string("a\0b", 3)); },
          "REQUEST_ID_INVALID", "request_id"),
      BadStart(
          "request_id not ASCII", [](S& s) { s.set_request_id("\xC3\xA9"); }, "REQUEST_ID_INVALID",
          "request_id"),
      BadStart(
          "tenant_salt of 65 bytes", [](S& s) { s.set_tenant_salt(std::string(65, 's')); },
          "TENANT_SALT_TOO_LONG", "tenant_salt"),
      BadStart(
          "priority 101", [](S& s) { s.set_priority(101); }, "PRIORITY_OUT_OF_RANGE", "priority"),
      BadStart(
          "priority -101", [](S& s) { s.set_priority(-101); }, "PRIORITY_OUT_OF_RANGE", "priority"),
      BadStart(
          "priority -2^31", [](S& s) { s.set_priority(std::numeric_limits<int32_t>::min()); },
          "PRIORITY_OUT_OF_RANGE", "priority"),
      BadStart(
          "no parts", [](S& s) { s.clear_parts(); }, "PARTS_OUT_OF_RANGE", "parts"),
      BadStart(
          "65 parts",
          [](S& s) {
            while (s.parts_size() < 65) s.add_parts()->set_text("a");
          },
          "PARTS_OUT_OF_RANGE", "parts"),
      BadStart(
          "part without content", [](S& s) { s.add_parts(); }, "PART_EMPTY", "parts[2]"),
      BadStart(
          "nothing at all",
          [](S& s) {
            s.clear_parts();
            s.add_parts()->set_text("");
          },
          "PROMPT_EMPTY", "parts"),
      BadStart(
          "text above 512 KiB", [text](S& s) { text(s, (512 << 10) + 1); }, "TEXT_TOO_LONG",
          "parts"),
      BadStart(
          "257 pages",
          [](S& s) {
            s.mutable_parts(0)->mutable_pages()->set_max_pages(257);
            s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(257);
          },
          "TOO_MANY_PAGES", "parts"),
      BadStart(
          "257 pages over two groups",
          [](S& s) {
            s.mutable_parts(0)->mutable_pages()->set_max_pages(200);
            s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(200);
            s.add_parts()->mutable_pages()->set_max_pages(57);
            s.mutable_parts(2)->mutable_pages()->set_max_visual_tokens(57);
          },
          "TOO_MANY_PAGES", "parts"),
      BadStart(
          "fewer image tokens than pages",
          [](S& s) { s.mutable_parts(0)->mutable_pages()->set_max_visual_tokens(1); },
          "VISUAL_TOKENS_BELOW_PAGES", "parts[0].pages.max_visual_tokens"),
  };
}

std::vector<BadCall> ForcedOutputRows() {
  using S = v1::GenerateStart;
  const auto force = [](S& s, size_t count, uint32_t id) {
    for (size_t i = 0; i < count; ++i) s.add_forced_output_ids(id);
  };
  return {
      BadStart(
          "forced id beyond the vocabulary", [force](S& s) { force(s, 1, 2000); },
          "FORCED_OUTPUT_ID_INVALID", "forced_output_ids[0]"),
      BadStart(
          "forced id of 2^32 - 1", [force](S& s) { force(s, 1, 4294967295u); },
          "FORCED_OUTPUT_ID_INVALID", "forced_output_ids[0]"),
      BadStart(
          "forced stop token",
          [force](S& s) {
            force(s, 3, 'x');
            force(s, 1, kStopId);
          },
          "FORCED_OUTPUT_ID_INVALID", "forced_output_ids[3]"),
      BadStart(
          "as many forced ids as max_tokens",
          [force](S& s) {
            s.mutable_options()->set_max_tokens(17);
            force(s, 17, 'x');
          },
          "FORCED_OUTPUT_TOO_LONG", "forced_output_ids"),
      BadStart(
          "as many forced ids as the default of max_tokens", [force](S& s) { force(s, 1024, 'x'); },
          "FORCED_OUTPUT_TOO_LONG", "forced_output_ids"),
      BadStart(
          "forced ids with two samples",
          [force](S& s) {
            s.mutable_options()->set_n(2);
            force(s, 1, 'x');
          },
          "FORCED_OUTPUT_OF_SAMPLES", "forced_output_ids"),
  };
}

TEST_F(BadStartTest, RefusesGenerationOptions) { ExpectRefused(OptionRows()); }
TEST_F(BadStartTest, RefusesStarts) { ExpectRefused(StartRows()); }
TEST_F(BadStartTest, RefusesForcedOutput) { ExpectRefused(ForcedOutputRows()); }

TEST_F(BadStartTest, NamesAllWrongFieldsAtOnce) {
  v1::GenerateRequest start = StartRequest("hi");
  start.mutable_start()->set_priority(101);
  start.mutable_start()->mutable_options()->set_top_p(7);
  start.mutable_start()->mutable_options()->set_max_tokens(0);
  const auto violations = rpc::GetFieldViolations(Ask(stub(), start).status);
  ASSERT_EQ(violations.size(), 3u);
  EXPECT_EQ(violations[0].field, "start.priority");
  EXPECT_EQ(violations[1].field, "start.options.top_p");
  EXPECT_EQ(violations[2].field, "start.options.max_tokens");
}

TEST_F(BadStartTest, TakesEveryOptionAtItsLimits) {
  for (const bool high : {false, true}) {
    v1::GenerateRequest start = StartRequest("hi");
    v1::GenerationOptions* options = start.mutable_start()->mutable_options();
    options->set_temperature(high ? 2.0f : 0.0f);
    options->set_top_p(high ? 1.0f : 1e-6f);
    options->set_top_k(high ? 2000 : 0);
    options->set_min_p(high ? 1.0f : 0.0f);
    options->set_frequency_penalty(high ? 2.0f : -2.0f);
    options->set_presence_penalty(high ? 2.0f : -2.0f);
    options->set_repetition_penalty(high ? 10.0f : 1e-6f);
    options->set_max_tokens(high ? 1900 : 1);
    options->set_seed(high ? std::numeric_limits<uint64_t>::max() : 0);
    options->set_n(high ? kLimits.max_slots : 1);
    options->set_logprobs(high ? 20 : 0);
    for (uint32_t token = 0; token < (high ? 1024u : 1u); ++token) {
      AddBias(*options, high ? 1999 - token : 0, high ? 100.0f : -100.0f);
    }
    for (int i = 0; i < (high ? 4 : 1); ++i) options->add_stop(std::string(high ? 256 : 1, 'z'));
    start.mutable_start()->set_request_id(std::string(high ? 128 : 1, '~'));
    start.mutable_start()->set_tenant_salt(std::string(high ? 64 : 0, 's'));
    start.mutable_start()->set_priority(high ? 100 : -100);
    EXPECT_TRUE(Ask(stub(), start).status.ok()) << Ask(stub(), start).status;
  }
}

TEST_F(BadStartTest, TakesOneForcedIdLessThanMaxTokens) {
  for (const uint32_t max_tokens : {0u, 17u, 1900u}) {  // 0: the default, 1,024
    v1::GenerateRequest start = StartRequest("Long");
    if (max_tokens > 0) start.mutable_start()->mutable_options()->set_max_tokens(max_tokens);
    for (uint32_t i = 1; i < (max_tokens > 0 ? max_tokens : 1024); ++i) {
      start.mutable_start()->add_forced_output_ids('x');
    }
    const Answer answer = Ask(stub(), start);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_EQ(answer.text, "x");
    EXPECT_EQ(answer.finished->reason(), v1::FINISH_REASON_LENGTH);
  }
}

}  // namespace
}  // namespace glyph::vlm
