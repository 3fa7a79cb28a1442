#include "gateway/cli/progress.h"

#include <cstdio>
#include <string>

#include "gmock/gmock.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProgressTest : public ::testing::Test {
 protected:
  ProgressTest() : file_(std::tmpfile()) {}
  ~ProgressTest() override { std::fclose(file_); }

  // What a progress of `mode` prints for a whole answer.
  std::string Show(Progress::Mode mode, bool color) {
    Progress progress(file_, mode, color);
    v1::AskResponse event;
    event.mutable_plan()->set_max_pages(2);
    progress.Show(event);
    event.mutable_page()->set_stage(v1::PAGE_STAGE_DRAWN);
    progress.Show(event);
    event.mutable_page()->set_stage(v1::PAGE_STAGE_ENCODED);
    progress.Show(event);
    event.mutable_delta()->set_text("x");
    progress.Show(event);
    v1::Usage& usage = *event.mutable_finished()->mutable_usage();
    usage.set_pages(1);
    usage.set_output_tokens(11);
    usage.set_decode_ms(100);
    usage.set_characters(300);
    usage.set_visual_tokens(100);
    progress.Show(event);
    std::rewind(file_);
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* const file_;
};

TEST_F(ProgressTest, PrintsNothingWhenOff) { EXPECT_EQ(Show(Progress::Mode::kOff, true), ""); }

TEST_F(ProgressTest, PrintsLinesWithoutControlCharacters) {
  const std::string text = Show(Progress::Mode::kLines, true);
  EXPECT_EQ(text,
            "pages: 0 drawn, 0 encoded, at most 2\n"
            "pages: 1 drawn, 1 encoded, at most 2\n"
            "1 pages drawn and encoded, 11 tokens, 100.0 tokens/s, 3.00 characters per visual "
            "token, first token after 0.00 s, 0.00 s in all\n");
}

TEST_F(ProgressTest, RenewsOneLineOnATerminalAndClearsItBeforeTheText) {
  const std::string text = Show(Progress::Mode::kTerminal, true);
  EXPECT_THAT(text, HasSubstr("\r\033[Kpages: 1 drawn, 1 encoded, at most 2\r\033[K"));
  EXPECT_THAT(text, HasSubstr("\033[2m"));
}

TEST_F(ProgressTest, UsesNoColorWhenToldSo) {
  EXPECT_THAT(Show(Progress::Mode::kTerminal, false), Not(HasSubstr("\033[2m")));
}

TEST(DescribeUsageTest, LeavesOutWhatCannotBeKnown) {
  v1::Usage usage;
  usage.set_output_tokens(1);
  EXPECT_THAT(DescribeUsage(usage), Not(HasSubstr("tokens/s")));
  EXPECT_THAT(DescribeUsage(usage), Not(HasSubstr("per visual token")));
}

}  // namespace
}  // namespace glyph::gateway::cli
