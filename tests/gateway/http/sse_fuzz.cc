// Any tokens of an answer as events of a stream and as one object. The first byte chooses the
// number of samples, the usage chunk, and whether the last text of a sample comes as its tail, as
// text does that was held back for a stop string. Then, again and again: a byte with the sample,
// whether the message ends, and the length of the token's text, which follows.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gateway/http/chat_response.h"
#include "gateway/routing/answer.h"
#include "nlohmann/json.hpp"
#include "prometheus/registry.h"
#include "proto/base/check.h"
#include "proto/base/json.h"
#include "proto/base/utf8.h"

namespace glyph::gateway {
namespace {

// A token, or in its place the start of another try.
struct Step {
  uint32_t sample = 0;
  bool ends_message = false;
  bool breaks = false;
  std::string text;
};

struct Script {
  uint32_t num_samples = 1;
  bool include_usage = false;
  bool has_tails = false;
  std::vector<Step> steps;
};

Script ReadScript(std::string_view bytes) {
  const auto take = [&bytes](size_t count) {
    const std::string_view taken = bytes.substr(0, count);
    bytes.remove_prefix(taken.size());
    return taken;
  };
  const auto head = static_cast<uint8_t>(take(1)[0]);
  Script script{1u + head % 3, (head & 4) != 0, (head & 8) != 0, {}};
  while (!bytes.empty()) {
    const auto op = static_cast<uint8_t>(take(1)[0]);
    uint64_t replaced_bytes = 0;  // not of interest
    script.steps.push_back({op % 4 % script.num_samples, (op & 4) != 0,
                            op % 4 == 3 && script.num_samples == 1,
                            base::ReplaceInvalidUtf8(take(op >> 3), replaced_bytes)});
  }
  return script;
}

// Both forms of the answer, from the same events.
struct BothForms final : AnswerSink {
  explicit BothForms(const ChatIdentity& identity) : stream(identity), completion(identity) {}

  void Emit(v1::AskResponse event) override {
    if (event.has_delta()) {
      events += stream.Add(event.delta());
      completion.Add(event.delta());
    } else if (event.has_finished()) {
      events += stream.Finish(event.finished());
      object = completion.Finish(event.finished());
    }
  }
  bool congested() const override { return false; }
  void End(const absl::Status& /*status*/) override {}

  ChatStream stream;
  ChatCompletion completion;
  std::string events = stream.Start();
  std::string object;
};

GatewayMetrics& Metrics() {
  static auto& registry = *new prometheus::Registry;
  static auto& metrics = *new GatewayMetrics(registry);
  return metrics;
}

// Plays `script` as vlm_service would say it.
class Player {
 public:
  explicit Player(AnswerSink& sink) : answer_(sink, Metrics(), absl::Now, {}) {}

  void Play(const Script& script) {
    std::vector<std::string> tails(script.num_samples);
    std::vector<const Step*> last(script.num_samples);
    for (const Step& step : script.steps) {
      if (!step.breaks && script.has_tails) last[step.sample] = &step;
    }
    for (const Step& step : script.steps) {
      if (step.breaks) {
        Break();
      } else if (last[step.sample] == &step) {
        tails[step.sample] = step.text;
      } else {
        Add(step);
      }
    }
    Flush();
    Finish(tails);
  }

 private:
  void Add(const Step& step) {
    v1::Token& token = *message_.add_tokens();
    token.set_id(++num_tokens_);
    token.set_text(step.text);
    token.set_sample(step.sample);
    last_token_ = token;
    if (step.ends_message) Flush();
  }

  void Flush() { GLYPH_CHECK(answer_.AddTokens(std::exchange(message_, {}))); }

  // The next try begins with the last token of the one before.
  void Break() {
    Flush();
    const std::vector<uint32_t> forced = answer_.BeginTry();
    GLYPH_CHECK(forced.size() == std::max(num_tokens_, 1u) - 1);
    if (num_tokens_ > 0) *message_.add_tokens() = last_token_;
  }

  void Finish(const std::vector<std::string>& tails) {
    v1::GenerateFinished finished;
    finished.set_reason(v1::FINISH_REASON_LENGTH);
    if (tails.size() == 1) finished.set_tail_text(tails[0]);
    for (uint32_t i = 0; tails.size() > 1 && i < tails.size(); ++i) {
      v1::SampleFinished sample;
      sample.set_sample(i);
      sample.set_reason(v1::FINISH_REASON_STOP_STRING);
      sample.set_tail_text(tails[i]);
      answer_.AddSampleFinished(sample);
    }
    answer_.Finish(finished);
  }

  Answer answer_;
  v1::Tokens message_;
  v1::Token last_token_;
  uint32_t num_tokens_ = 0;
};

// What ThinkFilter promises, of a whole text at once.
constexpr char kSpace[] = " \t\r\n";

std::string_view WithoutLeadingSpace(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

std::string WithoutTrailingSpace(std::string_view text) {
  return std::string(text.substr(0, text.find_last_not_of(kSpace) + 1));
}

ThinkSplit Split(std::string_view text) {
  constexpr std::string_view kThink = "<think>", kEndOfThink = "</think>";
  constexpr std::string_view kAnswer = "<answer>", kEndOfAnswer = "</answer>";
  ThinkSplit split;
  std::string_view rest = WithoutLeadingSpace(text);
  if (rest.starts_with(kThink)) {
    rest = WithoutLeadingSpace(rest.substr(kThink.size()));
    const size_t end = rest.find(kEndOfThink);
    if (end == std::string_view::npos) return {std::string(rest), ""};
    split.reasoning = WithoutTrailingSpace(rest.substr(0, end));
    text = rest = WithoutLeadingSpace(rest.substr(end + kEndOfThink.size()));
  }
  if (!rest.starts_with(kAnswer)) {
    split.content = text;
    return split;
  }
  rest = WithoutLeadingSpace(rest.substr(kAnswer.size()));
  const size_t end = rest.find(kEndOfAnswer);
  split.content = end == std::string_view::npos
                      ? std::string(rest)
                      : WithoutTrailingSpace(rest.substr(0, end)) +
                            WithoutTrailingSpace(rest.substr(end + kEndOfAnswer.size()));
  return split;
}

nlohmann::json Parsed(const std::string& text) {
  absl::StatusOr<nlohmann::json> json = base::ParseJson(text);
  GLYPH_CHECK(json.ok());
  return *std::move(json);
}

// The data of the events in `text`, which must be nothing but events.
std::vector<std::string> DataOf(std::string_view text) {
  std::vector<std::string> data;
  while (!text.empty()) {
    const size_t end = text.find("\n\n");
    GLYPH_CHECK(text.starts_with("data: ") && end != std::string_view::npos);
    data.emplace_back(text.substr(6, end - 6));
    GLYPH_CHECK(data.back().find_first_of("\r\n") == std::string::npos);
    text.remove_prefix(end + 2);
  }
  return data;
}

// One choice of a stream put together again.
struct Choice {
  ThinkSplit text;
  int num_roles = 0, num_ends = 0;
};

// The text of a member; empty when it is absent.
std::string Text(const nlohmann::json& object, const char* name) {
  const auto member = object.find(name);
  return member == object.end() ? "" : member->get_ref<const std::string&>();
}

void AddDelta(const nlohmann::json& choice, std::vector<Choice>& choices) {
  Choice& sum = choices.at(choice.at("index").get<size_t>());
  GLYPH_CHECK(sum.num_ends == 0);
  const nlohmann::json& delta = choice.at("delta");
  sum.num_roles += delta.contains("role");
  GLYPH_CHECK(sum.num_roles == 1);
  sum.text.content += Text(delta, "content");
  sum.text.reasoning += Text(delta, "reasoning_content");
  sum.num_ends += choice.at("finish_reason").is_string();
}

// Choices, then on request the usage, then [DONE].
std::vector<Choice> ReadEvents(const Script& script, const std::string& events) {
  std::vector<std::string> data = DataOf(events);
  GLYPH_CHECK(!data.empty() && data.back() == "[DONE]");
  data.pop_back();
  std::vector<Choice> choices(script.num_samples);
  for (size_t i = 0; i < data.size(); ++i) {
    const nlohmann::json chunk = Parsed(data[i]);
    const bool is_usage = script.include_usage && i + 1 == data.size();
    GLYPH_CHECK(chunk.contains("usage") == script.include_usage);
    GLYPH_CHECK(chunk.at("choices").size() == (is_usage ? 0 : 1));
    if (!is_usage) AddDelta(chunk.at("choices").at(0), choices);
  }
  return choices;
}

void CheckScript(const Script& script) {
  BothForms forms(
      {"chatcmpl-1", 1, "nano", static_cast<int>(script.num_samples), script.include_usage});
  Player(forms).Play(script);
  std::vector<std::string> said(script.num_samples);
  for (const Step& step : script.steps) {
    if (!step.breaks) said[step.sample] += step.text;
  }
  const std::vector<Choice> streamed = ReadEvents(script, forms.events);
  const nlohmann::json object = Parsed(forms.object);
  GLYPH_CHECK(object.at("choices").size() == script.num_samples);
  for (uint32_t i = 0; i < script.num_samples; ++i) {
    const ThinkSplit expected = Split(said[i]);
    GLYPH_CHECK(streamed[i].num_ends == 1);
    GLYPH_CHECK(streamed[i].text.content == expected.content);
    GLYPH_CHECK(streamed[i].text.reasoning == expected.reasoning);
    const nlohmann::json& message = object.at("choices").at(i).at("message");
    GLYPH_CHECK(Text(message, "content") == expected.content);
    GLYPH_CHECK(Text(message, "reasoning_content") == expected.reasoning);
  }
}

}  // namespace
}  // namespace glyph::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace gateway = glyph::gateway;
  constexpr size_t kMaxBytes = 512;  // an event each token: longer inputs only take longer
  if (size == 0 || size > kMaxBytes) return 0;
  gateway::CheckScript(gateway::ReadScript({reinterpret_cast<const char*>(data), size}));
  return 0;
}
