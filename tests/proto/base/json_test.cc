#include "proto/base/json.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace glyph::base {
namespace {

using ::testing::HasSubstr;

std::string NestedArrays(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string NestedObjects(int depth) {
  std::string text;
  for (int i = 1; i < depth; ++i) text += R"({"k":)";
  text += "{}";
  return text + std::string(depth - 1, '}');
}

TEST(JsonTest, ParsesValuesOfEveryKind) {
  const auto json = ParseJson(R"({"a":[1,-2.5,true,null,"\u00e9\ud83d\ude00"],"b":{}})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["a"][0], 1);
  EXPECT_EQ((*json)["a"][1], -2.5);
  EXPECT_TRUE((*json)["a"][3].is_null());
  EXPECT_EQ((*json)["a"][4], "\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_TRUE((*json)["b"].is_object());
}

TEST(JsonTest, CountsEveryValueAgainstItsLimit) {
  JsonLimits limits;
  limits.max_values = 8;
  const std::string seven = R"([1,-1,0.5,"s",true,null,{}])";  // eight with the array
  EXPECT_TRUE(ParseJson(seven, limits).ok());
  limits.max_values = 7;
  const auto over = ParseJson(seven, limits);
  EXPECT_EQ(over.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(over.status().message()), HasSubstr("limit of 7"));
}

TEST(JsonTest, HoldsTheDepthLimitOnBothSides) {
  const JsonLimits limits = {.max_bytes = 1 << 20, .max_depth = 8};
  for (const auto nested : {NestedArrays, NestedObjects}) {
    EXPECT_TRUE(ParseJson(nested(7), limits).ok());
    EXPECT_TRUE(ParseJson(nested(8), limits).ok());
    const auto over = ParseJson(nested(9), limits);
    EXPECT_EQ(over.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(over.status().message()), HasSubstr("limit of 8"));
  }
}

TEST(JsonTest, CountsDepthAndNotTheNumberOfArrays) {
  EXPECT_TRUE(ParseJson("[[1],[2],[3],[4],{\"a\":[5]}]", {.max_bytes = 99, .max_depth = 3}).ok());
}

TEST(JsonTest, StopsEarlyInADocumentOfAHundredThousandLevels) {
  const auto json = ParseJson(std::string(100000, '['));
  EXPECT_THAT(std::string(json.status().message()), HasSubstr("limit of 64"));
}

TEST(JsonTest, HoldsTheSizeLimitOnBothSides) {
  const std::string text = R"(["0123456789"])";
  for (const size_t max_bytes : {text.size() + 1, text.size()}) {
    EXPECT_TRUE(ParseJson(text, {.max_bytes = max_bytes, .max_depth = 8}).ok());
  }
  const auto over = ParseJson(text, {.max_bytes = text.size() - 1, .max_depth = 8});
  EXPECT_EQ(over.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(over.status().message()), HasSubstr("14 bytes is over the limit of 13"));
}

TEST(JsonTest, RefusesTheSameKeyTwiceInOneObjectOnly) {
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":[{"a":2},{"a":3}]})").ok());
  EXPECT_THAT(std::string(ParseJson(R"({"a":1,"b":2,"a":3})").status().message()),
              HasSubstr("same key twice"));
  EXPECT_FALSE(ParseJson(R"({"x":{"a":1,"a":1}})").ok());
}

TEST(JsonTest, RefusesWhatIsNotExactlyOneDocument) {
  const std::vector<std::string> texts = {
      "",         " ",         "{",        "[1,]",     "{\"a\"}",     "{'a':1}", "nul",
      "[1] 2",    "1e400",     "\"\xFF\"", "\xEF\xBB", "\"\\ud800\"", "[NaN]",   "// c\n1",
      "\"a\nb\"", "\"\\x41\"", "01",       "+1",       "{\"a\":1}}",
  };
  for (const std::string& text : texts) {
    const auto json = ParseJson(text);
    EXPECT_EQ(json.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_FALSE(json.status().message().empty());
  }
}

TEST(JsonTest, TakesAZeroByteForNoEnd) {
  for (const char* text : {"{}_", "{}_[1]", "_{}", "[1_]", "\"a_b\""}) {
    std::string bytes = text;
    const size_t zero = bytes.find('_');
    bytes[zero] = '\0';
    EXPECT_EQ(ParseJson(bytes).status().message(), "not JSON at byte " + std::to_string(zero + 1));
  }
}

TEST(JsonTest, NamesTheByteOfTheErrorButNotTheText) {
  const std::string message(ParseJson(R"({"secret": oops})").status().message());
  EXPECT_EQ(message, "not JSON at byte 12");
}

}  // namespace
}  // namespace glyph::base
