#include "vlm_service/prompt/prompt_stream.h"

#include <memory>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kNano[] = "deploy/models/nano";

std::unique_ptr<PromptBuilder> NanoBuilder() {
  auto tokenizer = Tokenizer::Load(kNano);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  auto builder = PromptBuilder::Create(std::shared_ptr<const Tokenizer>(*std::move(tokenizer)));
  EXPECT_TRUE(builder.ok()) << builder.status();
  return *std::move(builder);
}

// Puts fragments together as their reader does.
class Joined {
 public:
  void Append(const Prompt& fragment) {
    const auto count = static_cast<ptrdiff_t>(fragment.ids.size());
    ASSERT_EQ(fragment.positions.size(), 3 * fragment.ids.size());
    for (const PromptPage& page : fragment.pages) {
      prompt_.pages.push_back(
          {static_cast<int64_t>(prompt_.ids.size()) + page.first_token, page.grid});
    }
    prompt_.ids.insert(prompt_.ids.end(), fragment.ids.begin(), fragment.ids.end());
    for (ptrdiff_t axis = 0; axis < 3; ++axis) {
      const auto begin = fragment.positions.begin() + axis * count;
      axes_[axis].insert(axes_[axis].end(), begin, begin + count);
    }
    prompt_.next_position = fragment.next_position;
  }

  Prompt Finish() {
    for (const auto& axis : axes_) {
      prompt_.positions.insert(prompt_.positions.end(), axis.begin(), axis.end());
    }
    return std::move(prompt_);
  }

 private:
  Prompt prompt_;
  std::vector<int32_t> axes_[3];
};

void ExpectEqual(const Prompt& joined, const Prompt& whole) {
  ASSERT_EQ(joined.ids, whole.ids);
  ASSERT_EQ(joined.positions, whole.positions);
  ASSERT_EQ(joined.next_position, whole.next_position);
  ASSERT_EQ(joined.pages.size(), whole.pages.size());
  for (size_t i = 0; i < whole.pages.size(); ++i) {
    ASSERT_EQ(joined.pages[i].first_token, whole.pages[i].first_token);
    ASSERT_EQ(joined.pages[i].grid.rows, whole.pages[i].grid.rows);
    ASSERT_EQ(joined.pages[i].grid.cols, whole.pages[i].grid.cols);
  }
}

TEST(PromptStream, EndsAFragmentAfterItsPage) {
  const auto builder = NanoBuilder();
  PromptStream stream(*builder);
  stream.AddText("Look: ");
  stream.AddPage({2, 3});
  const Prompt fragment = stream.Take();
  ASSERT_THAT(fragment.pages, SizeIs(1));
  // <|end_of_image|> comes with it
  EXPECT_EQ(fragment.pages[0].first_token + 6 + 1, static_cast<int64_t>(fragment.ids.size()));
}

TEST(PromptStream, KeepsTextUntilItsEndIsKnown) {
  const auto builder = NanoBuilder();
  PromptStream stream(*builder);
  stream.AddPage({1, 1});
  stream.Take();
  stream.AddText("one ");
  EXPECT_THAT(stream.Take().ids, IsEmpty());
  stream.AddText("two");
  stream.Finish();
  const Prompt rest = stream.Take();
  EXPECT_THAT(rest.pages, IsEmpty());
  EXPECT_GT(rest.ids.size(), 6u);
}

TEST(PromptStream, GivesInFragmentsWhatBuildGivesAtOnce) {
  const auto builder = NanoBuilder();
  const uint32_t seed = 20261124;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> alphabet = {
      "a", " b ", "\n", "\xC3", "\xA9", "\xE4\xBD\xA0", "<|image|>", "12", ""};
  for (int round = 0; round < 500; ++round) {
    std::vector<PromptPiece> pieces;
    PromptStream stream(*builder);
    Joined joined;
    for (uint32_t i = random() % 12; i > 0; --i) {
      if (random() % 3 == 0) {
        const PageGrid grid = {1 + static_cast<int32_t>(random() % 5),
                               1 + static_cast<int32_t>(random() % 5)};
        pieces.emplace_back(std::vector<PageGrid>{grid});
        stream.AddPage(grid);
      } else {
        const std::string& text = alphabet[random() % alphabet.size()];
        pieces.emplace_back(text);
        stream.AddText(text);
      }
      if (random() % 2 == 0) joined.Append(stream.Take());
    }
    stream.Finish();
    joined.Append(stream.Take());
    ExpectEqual(joined.Finish(), builder->Build(pieces));
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

}  // namespace
}  // namespace glyph::vlm
