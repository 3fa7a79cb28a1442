#include "render_service/pipeline/image_task.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

std::string ReadGolden(const std::string& name) {
  std::ifstream file("tests/golden/images/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ImageTaskTest, BringsAPlanOnePageAndASummary) {
  WorkerTools tools;
  ImageTask task(ReadGolden("rgb8.png"));
  const auto plan = std::get<RenderPlan>(task.Step(tools).value());
  EXPECT_EQ(plan.max_pages, 1u);
  EXPECT_FALSE(plan.profile_fingerprint);
  const auto page = std::get<RenderedPage>(task.Step(tools).value());
  EXPECT_EQ(page.channels, 3);
  EXPECT_EQ(page.width_px, 37);
  EXPECT_EQ(page.height_px, 23);
  EXPECT_EQ(page.pixels.size(), 37u * 23 * 3);
  EXPECT_FALSE(page.profile_fingerprint);
  EXPECT_EQ(std::get<RenderSummary>(task.Step(tools).value()).pages, 1u);
}

base::Sha256Digest KeyOf(const std::string& golden) {
  WorkerTools tools;
  ImageTask task(ReadGolden(golden));
  EXPECT_TRUE(task.Step(tools).ok());
  return std::get<RenderedPage>(task.Step(tools).value()).key;
}

TEST(ImageTaskTest, KeysPixelsNotFiles) {
  EXPECT_EQ(KeyOf("rgb444.jpg"), KeyOf("rotated.jpg"));  // the same pixels, other metadata
  EXPECT_NE(KeyOf("rgb444.jpg"), KeyOf("rgb420.jpg"));
}

TEST(ImageTaskTest, BoundsTheTokensOfGlmsPreprocessor) {
  EXPECT_EQ(MaxVisualTokens(280, 560), 10u * 20);
  EXPECT_EQ(MaxVisualTokens(293, 560), 10u * 20);
  EXPECT_EQ(MaxVisualTokens(294, 560), 11u * 20);
  EXPECT_EQ(MaxVisualTokens(1, 1), 16u);
  EXPECT_EQ(MaxVisualTokens(1, 200), 200u);
  EXPECT_EQ(MaxVisualTokens(14, 140), 16u);
  EXPECT_EQ(MaxVisualTokens(14, 1400), 100u);
}

TEST(ImageTaskTest, EndsWithTheErrorOfItsFile) {
  WorkerTools tools;
  ImageTask task(ReadGolden("rgb8.png").substr(0, 100));
  EXPECT_EQ(rpc::GetErrorDetails(task.Step(tools).status()).reason, "IMAGE_CORRUPT");
}

}  // namespace
}  // namespace glyph::render
