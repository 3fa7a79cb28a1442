#include "vlm_service/server/prompt_fragments.h"

#include "gmock/gmock.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {
namespace {

// Fragments put together.
void Append(const Prompt& fragment, std::vector<int32_t>& ids, std::vector<int64_t>& pages) {
  for (const PromptPage& page : fragment.pages) {
    pages.push_back(static_cast<int64_t>(ids.size()) + page.first_token);
  }
  ids.insert(ids.end(), fragment.ids.begin(), fragment.ids.end());
}

TEST(PromptFragmentsTest, AreThePromptOfAllParts) {
  const std::shared_ptr<const Tokenizer> tokenizer = *Tokenizer::Load("deploy/models/nano");
  const auto builder = *PromptBuilder::Create(tokenizer);
  v1::GenerateStart start;
  start.add_parts()->set_text("one ");
  start.add_parts()->mutable_pages();
  start.add_parts()->set_text("two");
  start.add_parts()->mutable_pages();  // gets no page: the texts around it are joined
  start.add_parts()->set_text("three");
  start.add_parts()->mutable_pages();
  start.add_parts()->set_text("four");
  const PageGrid small = {1, 2}, large = {3, 2};

  PromptFragments fragments(start, *builder);
  std::vector<int32_t> ids;
  std::vector<int64_t> pages;
  Append(fragments.UpToPage(1, small), ids, pages);
  Append(fragments.UpToPage(1, large), ids, pages);
  Append(fragments.UpToPage(5, small), ids, pages);
  Append(fragments.Rest(), ids, pages);

  const std::vector<PromptPiece> pieces = {std::string("one "), std::vector<PageGrid>{small, large},
                                           std::string("twothree"), std::vector<PageGrid>{small},
                                           std::string("four")};
  const Prompt whole = builder->Build(pieces);
  EXPECT_EQ(ids, whole.ids);
  ASSERT_EQ(pages.size(), whole.pages.size());
  for (size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(pages[i], whole.pages[i].first_token);
}

}  // namespace
}  // namespace glyph::vlm
