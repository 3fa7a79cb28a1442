#include "gateway/routing/token_sample.h"

#include <gtest/gtest.h>

namespace glyph::gateway {
namespace {

TEST(TokenSampleTest, IsTheTextUpToItsLimit) {
  for (const size_t bytes : {size_t{0}, kMaxSampleBytes - 1, kMaxSampleBytes}) {
    EXPECT_EQ(SampleOfText(std::string(bytes, 'x')), std::string(bytes, 'x'));
  }
}

TEST(TokenSampleTest, IsSpreadOverLongerTexts) {
  std::string text(kMaxSampleBytes + 1, 'x');
  EXPECT_EQ(SampleOfText(text).size(), kMaxSampleBytes);
  text.assign(16 << 20, 'x');
  text.front() = 'a';
  text.back() = 'z';
  text[text.size() / 2] = 'm';  // between the pieces
  const std::string sample = SampleOfText(text);
  EXPECT_EQ(sample.size(), kMaxSampleBytes);
  EXPECT_EQ(sample.front(), 'a');
  EXPECT_EQ(sample.back(), 'z');
  EXPECT_EQ(sample.find('m'), std::string::npos);
}

}  // namespace
}  // namespace glyph::gateway
