#include "render_service/layout/document_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "proto/rpc/error.h"
#include "render_service/layout/profile_catalog.h"
#include "tests/reference/nano_training/text_style.h"

namespace glyph::render {
namespace {

using ::testing::ElementsAre;

bool IsLong() { return std::getenv("GLYPH_LONG") != nullptr; }

class DocumentLayoutTest : public ::testing::Test {
 protected:
  struct Result {
    std::vector<std::vector<std::string>> pages;  // source text of each line with ink
    std::vector<PageLayout> layouts;
    TextOddities oddities;
    uint32_t num_blank_pages = 0;
  };

  Result LayOut(const std::string& text, const std::string& profile = "nano",
                uint32_t max_pages = 256) {
    const auto source = SourceText::Create(text, /*lenient=*/true);
    const auto resolved = catalog_->Find(profile).value();
    DocumentLayout layout(*source, resolved->profile, {.max_pages = max_pages, .num_pages = 1});
    while (true) {
      const auto is_finished = layout.Advance(*shaper_, &learned_, 1000);
      status_ = is_finished.status();
      if (!status_.ok()) return {};
      if (*is_finished) break;
    }
    Result result{.pages = {},
                  .layouts = layout.pages(),
                  .oddities = layout.oddities(),
                  .num_blank_pages = layout.num_blank_pages()};
    for (const PageLayout& page : result.layouts) {
      result.pages.emplace_back();
      for (const PlacedLine& line : page.lines) {
        result.pages.back().push_back(
            text.substr(line.source_begin, line.source_end - line.source_begin));
      }
    }
    return result;
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  // Both profiles use the same style.
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*catalog_->Find("nano").value()->font_file,
                         catalog_->Find("nano").value()->profile.font)
          .value();
  LearnedFont learned_ = LearnedFont(*shaper_);
  absl::Status status_;
};

// Width of a line of its own, by nano's training code.
class LineRuler {
 public:
  int Width(const std::string& line) {
    PangoLayout* layout = nano::layout(context_, line);
    int width = 0;
    pango_layout_get_pixel_size(layout, &width, nullptr);
    g_object_unref(layout);
    return width;
  }
  ~LineRuler() { g_object_unref(context_); }

 private:
  PangoContext* context_ = nano::context();
};

// Nano's README as directly as it can be written: greedy at spaces, longer words cut.
std::vector<std::string> ReferenceWrap(const std::string& text, LineRuler& ruler) {
  std::vector<std::string> lines;
  std::string line;
  bool has_word = false;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (has_word && ruler.Width(line + " " + word) <= 476) {
      line += " " + word;
      continue;
    }
    if (has_word) lines.push_back(line);
    while (ruler.Width(word) > 476) {
      size_t fits = word.size();
      while (ruler.Width(word.substr(0, fits)) > 476) --fits;
      lines.push_back(word.substr(0, fits));
      word = word.substr(fits);
    }
    line = word;
    has_word = true;
  }
  lines.push_back(line);
  return lines;
}

TEST_F(DocumentLayoutTest, WrapsAsNanosTrainingDoes) {
  std::mt19937 random(3);
  LineRuler ruler;
  const int rounds = IsLong() ? 3000 : 100;
  for (int round = 0; round < rounds; ++round) {
    std::string text;
    for (size_t words = 1 + random() % 40; words > 0; --words) {
      size_t length = 1 + random() % (random() % 12 == 0 ? 120 : 9);
      for (; length > 0; --length) text += static_cast<char>('!' + random() % 94);
      if (words > 1) text += random() % 20 == 0 ? "   " : " ";
    }
    std::vector<std::string> expected = ReferenceWrap(text, ruler);
    std::erase_if(expected, [](const std::string& line) {
      return line.find_first_not_of(' ') == std::string::npos;
    });
    std::vector<std::string> lines;
    for (const auto& page : LayOut(text).pages) lines.insert(lines.end(), page.begin(), page.end());
    ASSERT_EQ(lines, expected) << text;
  }
}

TEST_F(DocumentLayoutTest, KeepsIndentsAndTabs) {
  const Result result = LayOut("\ta\n    b\n c");
  EXPECT_THAT(result.pages, ElementsAre(ElementsAre("\ta", "    b", " c")));
  const PageLayout& page = result.layouts[0];
  EXPECT_EQ(page.glyphs[0].x, page.glyphs[1].x);
  EXPECT_GT(page.glyphs[0].x, 32);
}

TEST_F(DocumentLayoutTest, KeepsBoxesInsideThePage) {
  const std::string spaces(60000, ' ');
  const std::string no_break = "\xC2\xA0";
  std::string hanging;
  for (int i = 0; i < 20000; ++i) hanging += no_break;
  for (const char* profile : {"nano", "noto-1024"}) {
    for (const std::string& text : {"a" + spaces, "a" + hanging + "b", spaces + "b"}) {
      for (const PageLayout& page : LayOut(text, profile).layouts) {
        for (const PlacedLine& line : page.lines) {
          EXPECT_GE(line.width, 0);
          EXPECT_LE(line.x + line.width, page.width_px);
        }
        for (const PlacedGlyph& glyph : page.glyphs) EXPECT_LT(glyph.x, page.width_px);
      }
    }
  }
}

TEST_F(DocumentLayoutTest, MakesNoPageOfTextWithoutInk) {
  for (const char* text : {"", " ", "\n", "\xEF\xBB\xBF", "\r\n\t \xC2\x85\xE2\x80\xA8\xE3\x80\x80",
                           "\xEF\xBB\xBF\n\n   \n"}) {
    EXPECT_TRUE(LayOut(text).pages.empty()) << text;
    EXPECT_TRUE(status_.ok());
  }
}

TEST_F(DocumentLayoutTest, ShowsControlCharactersAndMissingGlyphs) {
  const Result result = LayOut("a\x01\xE2\x80\x8B \xD7\x90 \xF0\x9F\x98\x80");
  ASSERT_EQ(result.layouts.size(), 1u);
  std::vector<uint32_t> boxes;
  for (const PlacedBox& box : result.layouts[0].boxes) boxes.push_back(box.code_point);
  EXPECT_THAT(boxes, ElementsAre(0x1, 0x200B, 0x5D0, 0x1F600));
  EXPECT_EQ(result.oddities.control_characters, 2u);
  EXPECT_EQ(result.oddities.missing_glyphs, 2u);
}

TEST_F(DocumentLayoutTest, DrawsTheMarksOfACharacterTheFontLacks) {
  const Result result = LayOut("\xD7\x90\xCC\x81z");
  EXPECT_EQ(result.layouts[0].boxes.size() + result.layouts[0].glyphs.size(), 3u);
}

TEST_F(DocumentLayoutTest, CountsOddCharactersOncePerDocument) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "\x01 a\xCC\x81 ";
  const Result result = LayOut(text, "noto-1024");
  EXPECT_EQ(result.oddities.control_characters, 3000u);
  EXPECT_EQ(result.oddities.missing_glyphs, 0u);
}

TEST_F(DocumentLayoutTest, OrdersRightToLeftTextVisually) {
  const Result result = LayOut("a \xD7\x90\xD7\x91 b");
  const auto& boxes = result.layouts[0].boxes;
  ASSERT_EQ(boxes.size(), 2u);
  EXPECT_EQ(boxes[0].code_point, 0x5D1u);
  EXPECT_LT(boxes[0].x, boxes[1].x);
}

TEST_F(DocumentLayoutTest, BreaksChineseBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xE6\x96\x87";
  const Result result = LayOut(text, "noto-1024");
  ASSERT_EQ(result.pages.size(), 1u);
  EXPECT_EQ(result.pages[0][0].size(), 3u * (968 / 14));
}

TEST_F(DocumentLayoutTest, DoesNotDependOnWhereWindowsBegin) {
  // One hard line of many windows; the same words in lines of their own wrap the same way.
  std::string words;
  for (int i = 0; i < 4000; ++i) words += "word" + std::to_string(i * 7919 % 1000) + " ";
  std::vector<std::string> lines;
  for (const auto& page : LayOut(words, "noto-1024").pages) {
    lines.insert(lines.end(), page.begin(), page.end());
  }
  std::string hard_lines;
  for (const std::string& line : lines) hard_lines += line + "\n";
  std::vector<std::string> again;
  for (const auto& page : LayOut(hard_lines, "noto-1024").pages) {
    again.insert(again.end(), page.begin(), page.end());
  }
  EXPECT_EQ(lines, again);
}

TEST_F(DocumentLayoutTest, StopsAtThePageLimit) {
  std::string text;
  for (int i = 0; i < 3 * 13; ++i) text += "line\n";
  EXPECT_EQ(LayOut(text, "nano", 4).pages.size(), 3u);
  EXPECT_EQ(LayOut(text, "nano", 3).pages.size(), 3u);
  LayOut(text, "nano", 2);
  EXPECT_EQ(rpc::GetErrorDetails(status_).reason, "TOO_MANY_PAGES");
  EXPECT_EQ(rpc::GetErrorDetails(status_).field, "document.text");
}

// Processor time of laying `text` out; TOO_MANY_PAGES counts too.
double Seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST_F(DocumentLayoutTest, TakesLinearTimeOnHostileText) {
  const size_t size = IsLong() ? 5 << 20 : 128 << 10;
  const std::string units[] = {"x",
                               " ",
                               "\t",
                               "\n",
                               "\r",
                               "a b",
                               "\xE6\x96\x87",
                               "\x01",
                               "\xD7\x90",
                               "\xF0\x9F\x91\xA9\xE2\x80\x8D",
                               "\xE2\x80\xAE",
                               "a\xCC\x81"};
  std::vector<std::string> texts = {"a"};
  while (texts[0].size() < size) texts[0] += "\xCC\x81";  // marks on one base
  for (const std::string& unit : units) {
    std::string& text = texts.emplace_back();
    while (text.size() < size) text += unit;
  }
  for (const std::string& text : texts) {
    const double half = Seconds([&] { LayOut(text.substr(0, size / 2), "noto-1024"); });
    const double whole = Seconds([&] { LayOut(text, "noto-1024"); });
    // Quadratic time would be a factor of 4; the constant forgives a busy machine.
    EXPECT_LE(whole, 3 * half + 0.3) << text.substr(0, 8);
  }
}

TEST_F(DocumentLayoutTest, DrawsMillionsOfEmptyLinesAsNothing) {
  const std::string lines(IsLong() ? 5'000'000 : 500'000, '\n');
  const Result result = LayOut("a" + lines + "b", "noto-1024");
  EXPECT_EQ(result.pages.size(), 2u);
  EXPECT_GT(result.num_blank_pages, 2000u);
}

TEST_F(DocumentLayoutTest, CountsSourceOffsetsFromTheFirstByte) {
  const Result result = LayOut(
      "\xEF\xBB\xBF"
      "ab\r\ncd");
  EXPECT_THAT(result.pages, ElementsAre(ElementsAre("ab", "cd")));
  EXPECT_EQ(result.layouts[0].lines[0].source_begin, 3u);
  EXPECT_EQ(result.layouts[0].lines[1].source_begin, 7u);
}

}  // namespace
}  // namespace glyph::render
