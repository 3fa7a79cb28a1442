#include "gateway/http/chat_request.h"

#include <utility>
#include <vector>

#include "gateway/http/json_text.h"
#include "gmock/gmock.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kImage[] = "data:image/png;base64,aGkh";

// A body of `messages` and `fields`.
std::string Body(const std::string& messages, const std::string& fields = "") {
  return "{\"messages\":" + messages + (fields.empty() ? "" : "," + fields) + "}";
}

std::string User(const std::string& content, const std::string& fields = "") {
  return Body("[{\"role\":\"user\",\"content\":" + content + "}]", fields);
}

std::string With(const std::string& fields) { return User("\"x\"", fields); }

// "field reason" of what is wrong with `body`.
std::string Wrong(const std::string& body) {
  const absl::Status status = ParseChatRequest(body).status();
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  return details.field + " " + details.reason;
}

// The parts as "T:text", "D:document" and "I:image".
std::vector<std::string> Parts(const std::string& body) {
  const absl::StatusOr<ChatRequest> chat = ParseChatRequest(body);
  EXPECT_TRUE(chat.ok()) << chat.status();
  std::vector<std::string> parts;
  if (!chat.ok()) return parts;
  for (const v1::AskPart& part : chat->ask.parts()) {
    parts.push_back(part.has_text()       ? "T:" + part.text()
                    : part.has_document() ? "D:" + part.document().text()
                                          : "I:" + part.image().data());
  }
  return parts;
}

TEST(ChatRequestTest, ReadsEveryFieldOfGeneration) {
  const ChatRequest chat = *ParseChatRequest(With(
      R"("model":"m","max_completion_tokens":7,"temperature":0.5,"top_p":0.25,"top_k":3,"min_p":0.125,
         "seed":-1,"n":2,"stop":["a","b"],"frequency_penalty":1,"presence_penalty":-1,
         "repetition_penalty":2,"logit_bias":{"5":-100},"stream":true,
         "stream_options":{"include_usage":true},"render":{"mode":"never","profile":"p","max_pages":4})"));
  const v1::GenerationOptions& options = chat.ask.generation();
  EXPECT_EQ(chat.model, "m");
  EXPECT_TRUE(chat.stream);
  EXPECT_TRUE(chat.include_usage);
  EXPECT_EQ(options.max_tokens(), 7u);
  EXPECT_EQ(options.temperature(), 0.5f);
  EXPECT_EQ(options.top_p(), 0.25f);
  EXPECT_EQ(options.top_k(), 3u);
  EXPECT_EQ(options.min_p(), 0.125f);
  EXPECT_EQ(options.seed(), ~uint64_t{0});
  EXPECT_EQ(options.n(), 2u);
  EXPECT_THAT(options.stop(), ElementsAre("a", "b"));
  EXPECT_EQ(options.frequency_penalty(), 1);
  EXPECT_EQ(options.presence_penalty(), -1);
  EXPECT_EQ(options.repetition_penalty(), 2);
  ASSERT_EQ(options.logit_bias_size(), 1);
  EXPECT_EQ(options.logit_bias(0).token_id(), 5u);
  EXPECT_EQ(options.logit_bias(0).bias(), -100);
  EXPECT_EQ(chat.ask.render().profile(), "p");
  EXPECT_EQ(chat.ask.render().max_pages(), 4u);
}

TEST(ChatRequestTest, LeavesToTheServerWhatIsAbsentOrNull) {
  for (const char* fields : {"", R"("temperature":null,"max_tokens":null,"stop":null,"n":null,
                                    "seed":null,"model":null,"stream":null,"stream_options":null,
                                    "tools":null,"render":null,"logit_bias":null)"}) {
    const ChatRequest chat = *ParseChatRequest(With(fields));
    EXPECT_FALSE(chat.stream);
    EXPECT_EQ(chat.model, "");
    EXPECT_EQ(chat.ask.generation().ByteSizeLong(), 0u);
  }
}

TEST(ChatRequestTest, IgnoresWhatHasNoMeaningHere) {
  EXPECT_EQ(
      Wrong(With(R"("user":"u","metadata":{"a":1},"store":true,"service_tier":"auto","tools":[],
      "parallel_tool_calls":true,"tool_choice":"none","logit_bias":{},"logprobs":false,
      "top_logprobs":0,"response_format":{"type":"text"},"modalities":["text"],"unheard_of":[1])")),
      "");
}

TEST(ChatRequestTest, RefusesWhatItDoesNotDo) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"("tools":[{"type":"function"}])", "tools"},
      {R"("functions":[{}])", "functions"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("tool_choice":{"type":"function"})", "tool_choice"},
      {R"("response_format":{"type":"json_object"})", "response_format"},
      {R"("response_format":{})", "response_format"},
      {R"("response_format":{"type":1})", "response_format"},
      {R"("logprobs":true)", "logprobs"},
      {R"("top_logprobs":2)", "top_logprobs"},
      {R"("audio":{"voice":"x"})", "audio"},
      {R"("modalities":["text","audio"])", "modalities"},
  };
  for (const auto& [fields, param] : rows) {
    EXPECT_EQ(Wrong(With(fields)), std::string(param) + " UNSUPPORTED") << fields;
  }
}

TEST(ChatRequestTest, NamesTheFieldThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", " BODY_NOT_JSON"},
      {"[]", " BODY_NOT_JSON"},
      {"{", " BODY_NOT_JSON"},
      {With("\"a\":1") + "x", " BODY_NOT_JSON"},
      {With("\"a\":1,\"a\":2"), " BODY_NOT_JSON"},
      {With("\"a\":1e400"), " BODY_NOT_JSON"},
      {User("\"\\ud800\""), " BODY_NOT_JSON"},
      {User("\"\xff\""), " BODY_NOT_JSON"},
      {With("\"a\":" + std::string(100'000, '[')), " BODY_NOT_JSON"},
      {"{}", "messages MESSAGES_EMPTY"},
      {Body("[]"), "messages MESSAGES_EMPTY"},
      {Body("null"), "messages MESSAGES_EMPTY"},
      {Body("{}"), "messages WRONG_TYPE"},
      {Body("[1]"), "messages[0] WRONG_TYPE"},
      {Body("[{}]"), "messages[0].role ROLE_UNKNOWN"},
      {Body("[{\"role\":1}]"), "messages[0].role WRONG_TYPE"},
      {Body("[{\"role\":\"tool\",\"content\":\"x\"}]"), "messages[0].role ROLE_UNKNOWN"},
      {Body("[{\"role\":\"user\"}]"), "messages[0].content CONTENT_MISSING"},
      {User("null"), "messages[0].content CONTENT_MISSING"},
      {User("1"), "messages[0].content WRONG_TYPE"},
      {User("[]"), "messages[0].content CONTENT_EMPTY"},
      {User("\"\""), "messages REQUEST_EMPTY"},
      {User("[\"x\"]"), "messages[0].content[0] WRONG_TYPE"},
      {User("[{}]"), "messages[0].content[0].type PART_TYPE_UNSUPPORTED"},
      {User(R"([{"type":"input_audio"}])"), "messages[0].content[0].type PART_TYPE_UNSUPPORTED"},
      {User(R"([{"type":"text"}])"), "messages[0].content[0].text FIELD_MISSING"},
      {User(R"([{"type":"text","text":1}])"), "messages[0].content[0].text WRONG_TYPE"},
      {User(R"([{"type":"document"}])"), "messages[0].content[0].document FIELD_MISSING"},
      {User(R"([{"type":"document","document":"x"}])"),
       "messages[0].content[0].document WRONG_TYPE"},
      {User(R"([{"type":"document","document":{}}])"),
       "messages[0].content[0].document.text FIELD_MISSING"},
      {User(R"([{"type":"image_url","image_url":"data:"}])"),
       "messages[0].content[0].image_url WRONG_TYPE"},
      {User(R"([{"type":"image_url","image_url":{}}])"),
       "messages[0].content[0].image_url.url FIELD_MISSING"},
      {User(R"([{"type":"image_url","image_url":{"url":"http://127.0.0.1/"}}])"),
       "messages[0].content[0].image_url.url IMAGE_URL_NOT_DATA"},
      {User(R"([{"type":"image_url","image_url":{"url":"data:image/png;base64,"}}])"),
       "messages[0].content[0].image_url.url IMAGE_EMPTY"},
      {With("\"model\":1"), "model WRONG_TYPE"},
      {With("\"stream\":\"yes\""), "stream WRONG_TYPE"},
      {With("\"stream_options\":{\"include_usage\":true}"),
       "stream_options STREAM_OPTIONS_WITHOUT_STREAM"},
      {With("\"stream\":true,\"stream_options\":{\"include_usage\":1}"),
       "stream_options.include_usage WRONG_TYPE"},
      {With("\"max_tokens\":0"), "max_tokens NUMBER_OUT_OF_RANGE"},
      {With("\"max_tokens\":-1"), "max_tokens NUMBER_OUT_OF_RANGE"},
      {With("\"max_tokens\":4294967296"), "max_tokens NUMBER_OUT_OF_RANGE"},
      {With("\"max_tokens\":18446744073709551615"), "max_tokens NUMBER_OUT_OF_RANGE"},
      {With("\"max_tokens\":1.5"), "max_tokens WRONG_TYPE"},
      {With("\"max_tokens\":1,\"max_completion_tokens\":2"),
       "max_completion_tokens MAX_TOKENS_TWICE"},
      {With("\"temperature\":2.5"), "temperature TEMPERATURE_OUT_OF_RANGE"},
      {With("\"temperature\":1e300"), "temperature TEMPERATURE_OUT_OF_RANGE"},
      {With("\"temperature\":\"hot\""), "temperature WRONG_TYPE"},
      {With("\"top_p\":0"), "top_p TOP_P_OUT_OF_RANGE"},
      {With("\"top_k\":-1"), "top_k NUMBER_OUT_OF_RANGE"},
      {With("\"min_p\":1.5"), "min_p MIN_P_OUT_OF_RANGE"},
      {With("\"frequency_penalty\":-3"), "frequency_penalty FREQUENCY_PENALTY_OUT_OF_RANGE"},
      {With("\"presence_penalty\":3"), "presence_penalty PRESENCE_PENALTY_OUT_OF_RANGE"},
      {With("\"repetition_penalty\":0"), "repetition_penalty REPETITION_PENALTY_OUT_OF_RANGE"},
      {With("\"n\":0"), "n NUMBER_OUT_OF_RANGE"},
      {With("\"n\":9"), "n N_OUT_OF_RANGE"},
      {With("\"seed\":9223372036854775808"), "seed NUMBER_OUT_OF_RANGE"},
      {With("\"stop\":1"), "stop WRONG_TYPE"},
      {With("\"stop\":[1]"), "stop[0] WRONG_TYPE"},
      {With("\"stop\":\"\""), "stop[0] STOP_LENGTH_OUT_OF_RANGE"},
      {With("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "stop TOO_MANY_STOPS"},
      {With("\"logit_bias\":{\"x\":1}"), "logit_bias TOKEN_ID_INVALID"},
      {With("\"logit_bias\":{\"1\":\"x\"}"), "logit_bias.1 WRONG_TYPE"},
      {With("\"logit_bias\":{\"1\":101}"), "logit_bias[0].bias LOGIT_BIAS_OUT_OF_RANGE"},
      {With("\"render\":\"maybe\""), "render RENDER_MODE_UNKNOWN"},
      {With("\"render\":1"), "render WRONG_TYPE"},
      {With("\"render\":{\"mode\":\"x\"}"), "render.mode RENDER_MODE_UNKNOWN"},
      {With("\"render\":{\"threshold\":-1}"), "render.threshold NUMBER_OUT_OF_RANGE"},
      {With("\"render\":{\"threshold\":16777217}"), "render.threshold NUMBER_OUT_OF_RANGE"},
      {With("\"render\":{\"max_pages\":0}"), "render.max_pages NUMBER_OUT_OF_RANGE"},
      {With("\"render\":{\"max_pages\":257}"), "render.max_pages MAX_PAGES_OUT_OF_RANGE"},
      {With("\"render\":{\"profile\":7}"), "render.profile WRONG_TYPE"},
  };
  for (const auto& [body, wrong] : rows) EXPECT_EQ(Wrong(body), wrong) << body.substr(0, 200);
}

TEST(ChatRequestTest, CountsValuesBeforeItBuildsThem) {
  const auto zeros = [](int count) {
    std::string list = "[0";
    for (int i = 1; i < count; ++i) list += ",0";
    return With("\"a\":" + list + "]");
  };
  // The object, its four strings and arrays beside the zeros.
  constexpr int kOthers = 6;
  EXPECT_EQ(Wrong(zeros(100'000 - kOthers)), "");
  EXPECT_EQ(Wrong(zeros(100'000 - kOthers + 1)), " BODY_NOT_JSON");
}

TEST(ChatRequestTest, KeepsTextsDocumentsAndImagesInTheirOrder) {
  EXPECT_THAT(Parts(User(R"([{"type":"document","document":{"text":"d"}},
                             {"type":"image_url","image_url":{"url":")" +
                         std::string(kImage) + R"(","detail":"high"}},
                             {"type":"text","text":"a"},{"type":"text","text":"b"}])")),
              ElementsAre("D:d", "I:hi!", "T:ab"));
}

TEST(ChatRequestTest, FlattensAConversationIntoOneTurn) {
  EXPECT_THAT(
      Parts(Body(R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])")),
      ElementsAre("T:Be brief.\n\nHi"));
  EXPECT_THAT(Parts(Body(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},
                             {"role":"assistant","content":null},
                             {"role":"user","content":[{"type":"text","text":"Why?"}]}])")),
              ElementsAre("T:User: Hi\n\nAssistant: Yes?\n\nAssistant: \n\nUser: Why?"));
  EXPECT_THAT(
      Parts(Body(R"([{"role":"user","content":[{"type":"document","document":{"text":"d"}}]},
                             {"role":"user","content":"Hi"}])")),
      ElementsAre("D:d", "T:Hi"));
}

std::string Quoted(const std::string& text) { return JsonText(Json(text)); }

TEST(ChatRequestTest, DrawsTextsAboveTheThresholdAndLeavesTheQuestion) {
  const std::string exact(2000, 'a'), longer(2001, 'a');
  EXPECT_THAT(Parts(User(Quoted(exact))), ElementsAre("T:" + exact));
  EXPECT_THAT(Parts(User(Quoted(longer))), ElementsAre("D:" + longer));
  EXPECT_THAT(Parts(User(Quoted(longer), "\"render\":\"never\"")), ElementsAre("T:" + longer));
  EXPECT_THAT(Parts(User(Quoted(longer + "\n\nWhy?\n"))),
              ElementsAre("D:" + longer + "\n\n", "T:Why?\n"));
  EXPECT_THAT(Parts(User(Quoted(longer + "\r\n\r\nWhy?"))),
              ElementsAre("D:" + longer + "\r\n\r\n", "T:Why?"));
  EXPECT_THAT(Parts(User(Quoted("b\n\n" + longer))), ElementsAre("D:b\n\n" + longer));
  EXPECT_THAT(Parts(User(Quoted("abc"), "\"render\":{\"threshold\":3}")), ElementsAre("T:abc"));
  EXPECT_THAT(Parts(User(Quoted("abcd"), "\"render\":{\"threshold\":3}")), ElementsAre("D:abcd"));
  const std::string chinese = "\xe9\x95\xbf\xe6\x96\x87";  // two characters
  EXPECT_THAT(Parts(User(Quoted(chinese), "\"render\":{\"threshold\":2}")),
              ElementsAre("T:" + chinese));
}

TEST(ChatRequestTest, DrawsEverythingButTheQuestionWhenAsked) {
  const std::string always = "\"render\":\"always\"";
  EXPECT_THAT(Parts(User("\"a\"", always)), ElementsAre("D:a"));
  EXPECT_THAT(Parts(User(R"([{"type":"text","text":"a"},{"type":"text","text":"Why?"}])", always)),
              ElementsAre("D:a", "T:Why?"));
  EXPECT_THAT(
      Parts(Body(R"([{"role":"system","content":"s"},{"role":"user","content":"a"}])", always)),
      ElementsAre("T:s\n\n", "D:a"));
}

TEST(ChatRequestTest, DrawsALastParagraphThatIsTooLongForAQuestion) {
  const std::string text(3000, 'a'), question(1000, 'q'), too_long(1001, 'q');
  EXPECT_THAT(Parts(User(Quoted(text + "\n\n" + question))),
              ElementsAre("D:" + text + "\n\n", "T:" + question));
  EXPECT_THAT(Parts(User(Quoted(text + "\n\n" + too_long))),
              ElementsAre("D:" + text + "\n\n" + too_long));
}

TEST(ChatRequestTest, RenamesTheFieldsOfTheFlow) {
  const ChatRequest chat = *ParseChatRequest(
      User(R"([{"type":"document","document":{"text":"d"}},{"type":"text","text":"q"}])"));
  const auto field = [&chat](const std::string& path) {
    return rpc::GetErrorDetails(
               WithChatFields(rpc::InvalidArgument("R", path, path + " is wrong"), chat))
        .field;
  };
  EXPECT_EQ(field("parts[0].document.text"), "messages[0].content[0].document.text");
  EXPECT_EQ(field("parts[1].text"), "messages[0].content[1].text");
  EXPECT_EQ(field("parts"), "messages");
  EXPECT_EQ(field("generation.max_tokens"), "max_tokens");
  EXPECT_EQ(field("render.profile"), "render.profile");
  EXPECT_EQ(WithChatFields(rpc::InvalidArgument("R", "generation.n", "generation.n is 9"), chat)
                .message(),
            "n is 9");
}

}  // namespace
}  // namespace glyph::gateway
