#include "render_service/text/source_text.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

TEST(SourceTextTest, NamesTheByteThatIsNotUtf8) {
  struct Row {
    std::string text;
    int offset;
  };
  for (const Row& row : {Row{"ab\x80", 2}, Row{"\xC0\x80", 0}, Row{"a\xED\xA0\x80", 1},
                         Row{"\xF4\x90\x80\x80", 0}, Row{"abc\xE4\xB8", 3}}) {
    const auto text = SourceText::Create(row.text, /*lenient=*/false);
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(rpc::GetErrorDetails(text.status()).reason, "INVALID_UTF8");
    EXPECT_EQ(rpc::GetErrorDetails(text.status()).field, "document.text");
    const std::string message(text.status().message());
    EXPECT_EQ(message.find("byte " + std::to_string(row.offset) + " "), 0u) << message;
  }
}

TEST(SourceTextTest, CountsWhatItReplacesWhenLenient) {
  const auto text = SourceText::Create("a\xF0\x9F\x98z\x80", /*lenient=*/true);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->num_replaced_bytes(), 4u);
  EXPECT_EQ(text->num_characters(), 4u);  // a U+FFFD z U+FFFD
}

TEST(SourceTextTest, CountsScalarValues) {
  const auto text = SourceText::Create("a\xE4\xB8\xAD\xF0\x9F\x98\x80\n", /*lenient=*/false);
  EXPECT_EQ(text->num_characters(), 4u);
  EXPECT_EQ(text->num_replaced_bytes(), 0u);
}

TEST(SourceTextTest, IsTheSameWhereverStepsEnd) {
  const std::string text =
      "\xEF\xBB\xBF"
      "a\xE4\xB8\xAD\xF0\x9F\x98\x80\x80\xF0\x9F\x98z\xE4\xB8";
  const SourceText whole = SourceText::Create(text, /*lenient=*/true).value();
  for (size_t step = 1; step <= text.size(); ++step) {
    SourceCheck check(text, /*lenient=*/true);
    size_t num_steps = 1;
    while (!check.Advance(step).value()) ++num_steps;
    EXPECT_LE(num_steps, (text.size() + step - 1) / step) << step;
    EXPECT_TRUE(num_steps > 1 || step > text.size() / 2) << step;
    const SourceText stepped = std::move(check).Take();
    EXPECT_EQ(stepped.bytes(), text);
    EXPECT_EQ(stepped.content_begin(), whole.content_begin()) << step;
    EXPECT_EQ(stepped.num_characters(), whole.num_characters()) << step;
    EXPECT_EQ(stepped.num_replaced_bytes(), whole.num_replaced_bytes()) << step;

    SourceCheck strict(text, /*lenient=*/false);
    absl::StatusOr<bool> last = strict.Advance(step);
    while (last.ok()) last = strict.Advance(step);
    EXPECT_EQ(last.status(), SourceText::Create(text, /*lenient=*/false).status()) << step;
  }
}

TEST(SourceTextTest, BeginsAfterAByteOrderMark) {
  EXPECT_EQ(SourceText::Create("\xEF\xBB\xBFx", false)->content_begin(), 3u);
  EXPECT_EQ(SourceText::Create("x\xEF\xBB\xBF", false)->content_begin(), 0u);
}

TEST(SourceTextTest, TakesSixteenMebibytesAndNotAByteMore) {
  EXPECT_TRUE(SourceText::Create(std::string(kMaxSourceBytes - 1, 'x'), false).ok());
  EXPECT_TRUE(SourceText::Create(std::string(kMaxSourceBytes, 'x'), false).ok());
  const auto text = SourceText::Create(std::string(kMaxSourceBytes + 1, 'x'), false);
  EXPECT_EQ(rpc::GetErrorDetails(text.status()).reason, "INPUT_TOO_LARGE");
}

}  // namespace
}  // namespace glyph::render
