#include "render_service/pipeline/text_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "proto/rpc/error.h"
#include "render_service/pipeline/self_test.h"

namespace glyph::render {
namespace {

struct Result {
  absl::Status status;
  std::vector<RenderPlan> plans;
  std::vector<RenderedPage> pages;
  std::vector<RenderSummary> summaries;
};

Result RunTask(RenderTask& task, WorkerTools& tools) {
  Result result;
  while (result.summaries.empty()) {
    absl::StatusOr<RenderEvent> event = task.Step(tools);
    if (!event.ok()) {
      result.status = event.status();
      return result;
    }
    if (auto* plan = std::get_if<RenderPlan>(&*event)) {
      EXPECT_TRUE(result.pages.empty());
      result.plans.push_back(*plan);
    }
    if (auto* page = std::get_if<RenderedPage>(&*event)) result.pages.push_back(std::move(*page));
    if (auto* summary = std::get_if<RenderSummary>(&*event)) result.summaries.push_back(*summary);
  }
  return result;
}

class TextTaskTest : public ::testing::Test {
 protected:
  Result Draw(const std::string& text, const std::string& profile = "nano",
              uint32_t max_pages = 256) {
    TextTask task(text, {.profile = catalog_->Find(profile).value(), .max_pages = max_pages});
    return RunTask(task, tools_);
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  WorkerTools tools_;
};

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "This is line number " + std::to_string(i) + "\n";
  return text;
}

TEST_F(TextTaskTest, BringsAnExactPlanThenThePagesThenTheSummary) {
  const Result result = Draw(Lines(30));
  ASSERT_EQ(result.plans.size(), 1u);
  EXPECT_EQ(result.plans[0].max_pages, 3u);
  EXPECT_EQ(result.plans[0].max_visual_tokens, 3u * 19 * 10);
  EXPECT_EQ(result.plans[0].characters, Lines(30).size());
  ASSERT_EQ(result.pages.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(result.pages[i].index, i);
    EXPECT_EQ(result.pages[i].pixels.size(), 532u * 280);
    EXPECT_EQ(result.pages[i].lines.size(), i < 2 ? 13u : 4u);
  }
  EXPECT_EQ(result.summaries[0].pages, 3u);
}

TEST_F(TextTaskTest, NamesTheFingerprintOfTheProfile) {
  const Result result = Draw("x", "noto-1024");
  const auto fingerprint = catalog_->Find("noto-1024").value()->fingerprint;
  EXPECT_EQ(result.plans[0].profile_fingerprint, fingerprint);
  EXPECT_EQ(result.pages[0].profile_fingerprint, fingerprint);
  EXPECT_EQ(result.pages[0].width_px, 1036);
}

TEST_F(TextTaskTest, GivesEqualPagesEqualKeysAndOtherPagesOthers) {
  std::set<base::Sha256Digest> keys;
  for (const RenderedPage& page : Draw(Lines(60)).pages) keys.insert(page.key);
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(Draw("same").pages[0].key, Draw("\n\nsame").pages[0].key);
  EXPECT_NE(Draw("same", "nano").pages[0].key, Draw("same", "noto-1024").pages[0].key);
}

TEST_F(TextTaskTest, DrawsTheSameBytesOnEveryThread) {
  const std::string text = Lines(40) + "\xE6\x96\x87\xE5\xAD\x97 \xD7\x90 \x01 a\xCC\x81";
  const Result expected = Draw(text, "noto-1024");
  std::vector<Result> results(4);
  std::vector<std::thread> threads;
  for (Result& result : results) {
    threads.emplace_back([&] {
      WorkerTools tools;
      TextTask task(text, {.profile = catalog_->Find("noto-1024").value(), .max_pages = 256});
      result = RunTask(task, tools);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Result& result : results) {
    ASSERT_EQ(result.pages.size(), expected.pages.size());
    EXPECT_EQ(result.pages[0].pixels, expected.pages[0].pixels);
    EXPECT_EQ(result.pages[0].key, expected.pages[0].key);
  }
}

TEST_F(TextTaskTest, ContinuesOnAnotherWorker) {
  const Result expected = Draw(Lines(60));
  TextTask task(Lines(60), {.profile = catalog_->Find("nano").value(), .max_pages = 256});
  WorkerTools tools[2];
  std::vector<RenderedPage> pages;
  for (int step = 0;; ++step) {
    RenderEvent event = task.Step(tools[step % 2]).value();
    if (std::holds_alternative<RenderSummary>(event)) break;
    if (auto* page = std::get_if<RenderedPage>(&event)) pages.push_back(std::move(*page));
  }
  ASSERT_EQ(pages.size(), expected.pages.size());
  for (size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(pages[i].pixels, expected.pages[i].pixels);
}

TEST_F(TextTaskTest, SendsNoBlankPage) {
  const Result blank = Draw(" \n\n\xEF\xBB\xBF");  // a byte-order mark inside a text is a character
  EXPECT_EQ(blank.pages.size(), 1u);
  EXPECT_EQ(blank.summaries[0].oddities.control_characters, 1u);
  const Result empty = Draw("\xEF\xBB\xBF \n\n");
  EXPECT_TRUE(empty.pages.empty());
  EXPECT_EQ(empty.plans[0].max_pages, 0u);
  EXPECT_EQ(empty.summaries[0].pages, 0u);
  const Result gap = Draw("a" + std::string(100, '\n') + "b");
  EXPECT_EQ(gap.pages.size(), 2u);
  EXPECT_GT(gap.summaries[0].blank_pages, 0u);
  for (const RenderedPage& page : gap.pages) {
    EXPECT_LT(*std::min_element(page.pixels.begin(), page.pixels.end()), 64);
  }
}

TEST_F(TextTaskTest, EndsWithTheErrorOfItsSource) {
  EXPECT_EQ(rpc::GetErrorDetails(Draw("a\x80").status).reason, "INVALID_UTF8");
  EXPECT_EQ(rpc::GetErrorDetails(Draw(Lines(27), "nano", 2).status).reason, "TOO_MANY_PAGES");
}

TEST_F(TextTaskTest, RefusesAFaceTheFontDoesNotHave) {
  RenderProfile profile = catalog_->Find("nano").value()->profile;
  for (const auto& [family, index] : {std::pair{"Noto Sans CJK SC", 1}, {"Other Sans", 2}}) {
    ResolvedProfile resolved = *catalog_->Find("nano").value();
    resolved.profile.font.family = family;
    resolved.profile.font.face_index = index;
    resolved.fingerprint[0] ^= static_cast<uint8_t>(1 + index);
    TextTask task("x", {.profile = std::make_shared<ResolvedProfile>(resolved), .max_pages = 1});
    EXPECT_EQ(rpc::GetErrorDetails(RunTask(task, tools_).status).reason, "PROFILE_INVALID");
  }
}

TEST_F(TextTaskTest, KeepsItsFontsApart) {
  const auto nano = catalog_->Find("nano").value();
  FontTools* first = tools_.ToolsFor(*nano).value();
  for (int i = 1; i <= static_cast<int>(WorkerTools::kMaxFonts) - 1; ++i) {
    ResolvedProfile other = *nano;
    other.fingerprint[0] = static_cast<uint8_t>(other.fingerprint[0] + i);
    EXPECT_NE(tools_.ToolsFor(other).value(), first);
  }
  EXPECT_EQ(tools_.ToolsFor(*nano).value(), first);
}

TEST_F(TextTaskTest, PassesItsSelfTest) { EXPECT_TRUE(SelfTest(*catalog_).ok()); }

}  // namespace
}  // namespace glyph::render
