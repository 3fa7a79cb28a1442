#include "gateway/http/chat_response.h"

#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

using ::testing::ElementsAre;

v1::AskDelta Delta(const std::string& text, uint32_t sample = 0) {
  v1::AskDelta delta;
  delta.set_text(text);
  delta.set_sample(sample);
  return delta;
}

v1::AskFinished Finished() {
  v1::AskFinished finished;
  finished.set_reason(v1::FINISH_REASON_STOP_STRING);
  v1::Usage& usage = *finished.mutable_usage();
  usage.set_prompt_tokens(10);
  usage.set_output_tokens(4);
  usage.set_visual_tokens(8);
  usage.set_cached_tokens(3);
  usage.set_pages(2);
  usage.set_characters(99);
  finished.add_warnings("MISSING_GLYPHS");
  return finished;
}

const Json kUsage = {{"prompt_tokens", 10},
                     {"completion_tokens", 4},
                     {"total_tokens", 14},
                     {"prompt_tokens_details", {{"cached_tokens", 3}, {"image_tokens", 8}}}};

// The data of the events in `text`, which must be nothing but events.
std::vector<std::string> Events(std::string text) {
  std::vector<std::string> events;
  while (text.starts_with("data: ") && text.find("\n\n") != std::string::npos) {
    events.push_back(text.substr(6, text.find("\n\n") - 6));
    text.erase(0, text.find("\n\n") + 2);
  }
  EXPECT_EQ(text, "");
  return events;
}

Json Parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

ChatIdentity Identity(int num_choices = 1, bool include_usage = false) {
  return {"chatcmpl-1", 1700000000, "nano", num_choices, include_usage};
}

TEST(ChatStreamTest, BeginsWithTheRoleAndEndsWithReasonAndDone) {
  ChatStream stream(Identity());
  const std::vector<std::string> events =
      Events(stream.Start() + stream.Add(Delta("Hi")) + stream.Finish(Finished()));
  ASSERT_EQ(events.size(), 4u);
  const auto envelope = [](Json delta, Json reason) {
    return Json({{"id", "chatcmpl-1"},
                 {"object", "chat.completion.chunk"},
                 {"created", 1700000000},
                 {"model", "nano"},
                 {"system_fingerprint", "glyph-" GLYPH_VERSION},
                 {"choices", Json::array({{{"index", 0},
                                           {"delta", std::move(delta)},
                                           {"logprobs", nullptr},
                                           {"finish_reason", std::move(reason)}}})}});
  };
  EXPECT_EQ(Parsed(events[0]), envelope({{"role", "assistant"}, {"content", ""}}, nullptr));
  EXPECT_EQ(Parsed(events[1]), envelope({{"content", "Hi"}}, nullptr));
  EXPECT_EQ(Parsed(events[2]), envelope(Json::object(), "stop"));
  EXPECT_EQ(events[3], "[DONE]");
}

TEST(ChatStreamTest, TellsTheUsageOnceWhenAsked) {
  ChatStream stream(Identity(1, true));
  const std::vector<std::string> events =
      Events(stream.Start() + stream.Add(Delta("Hi")) + stream.Finish(Finished()));
  ASSERT_EQ(events.size(), 5u);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Parsed(events[i])["usage"].is_null()) << events[i];
  const Json last = Parsed(events[3]);
  EXPECT_EQ(last["choices"], Json::array());
  EXPECT_EQ(last["usage"], kUsage);
  EXPECT_EQ(last["glyph"]["pages"], 2);
  EXPECT_EQ(last["glyph"]["warnings"], Json::array({"MISSING_GLYPHS"}));
}

TEST(ChatStreamTest, PutsThoughtsIntoReasoningContent) {
  ChatStream stream(Identity());
  EXPECT_EQ(stream.Add(Delta("<thi")), "");
  const std::vector<std::string> events = Events(stream.Add(Delta("nk>why</think><answer>yes")));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(Parsed(events[0])["choices"][0]["delta"], Json({{"reasoning_content", "why"}}));
  EXPECT_EQ(Parsed(events[1])["choices"][0]["delta"], Json({{"content", "yes"}}));
  EXPECT_EQ(stream.Add(Delta("</answer>")), "");
}

TEST(ChatStreamTest, SendsWhatItHeldBackBeforeTheEnd) {
  ChatStream stream(Identity());
  EXPECT_EQ(stream.Add(Delta("<think")), "");
  const std::vector<std::string> events = Events(stream.Finish(Finished()));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(Parsed(events[0])["choices"][0]["delta"], Json({{"content", "<think"}}));
}

TEST(ChatStreamTest, KeepsChoicesApart) {
  ChatStream stream(Identity(2));
  v1::AskFinished finished = Finished();
  finished.add_samples()->set_reason(v1::FINISH_REASON_STOP);
  finished.add_samples()->set_reason(v1::FINISH_REASON_LENGTH);
  std::vector<std::string> events = Events(stream.Start());
  EXPECT_EQ(events.size(), 2u);
  EXPECT_EQ(stream.Add(Delta("<think>", 1)), "");
  events = Events(stream.Add(Delta("a", 0)));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(Parsed(events[0])["choices"][0]["index"], 0);
  EXPECT_EQ(stream.Add(Delta("x", 2)), "");  // a choice nobody asked for
  events = Events(stream.Finish(finished));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(Parsed(events[0])["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(Parsed(events[1])["choices"][0]["finish_reason"], "length");
}

TEST(ChatCompletionTest, IsOneObject) {
  ChatCompletion completion(Identity());
  completion.Add(Delta("<think>why</think>"));
  completion.Add(Delta("<answer>\xe7\xad\x94</answer>"));
  const Json object = Parsed(completion.Finish(Finished()));
  EXPECT_EQ(object["object"], "chat.completion");
  EXPECT_EQ(object["id"], "chatcmpl-1");
  EXPECT_EQ(object["model"], "nano");
  EXPECT_EQ(object["usage"], kUsage);
  ASSERT_EQ(object["choices"].size(), 1u);
  EXPECT_EQ(object["choices"][0], Json({{"index", 0},
                                        {"message",
                                         {{"role", "assistant"},
                                          {"content", "\xe7\xad\x94"},
                                          {"reasoning_content", "why"},
                                          {"refusal", nullptr}}},
                                        {"logprobs", nullptr},
                                        {"finish_reason", "stop"}}));
}

TEST(ChatCompletionTest, HoldsEveryChoice) {
  ChatCompletion completion(Identity(2));
  completion.Add(Delta("a", 0));
  completion.Add(Delta("b", 1));
  const Json choices = Parsed(completion.Finish(Finished()))["choices"];
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(choices[0]["message"]["content"], "a");
  EXPECT_EQ(choices[1]["message"]["content"], "b");
  EXPECT_FALSE(choices[0]["message"].contains("reasoning_content"));
}

}  // namespace
}  // namespace glyph::gateway
