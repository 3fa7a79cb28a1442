#include "gateway/cli/page_folder.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"

namespace glyph::gateway::cli {
namespace {

constexpr uint32_t kWidth = 6, kHeight = 5;

class PageFolderTest : public ::testing::Test {
 protected:
  ~PageFolderTest() override { std::filesystem::remove_all(path_); }

  // A white page of one box, in two strips.
  static std::vector<v1::RenderResponse> Page(uint32_t x, uint32_t width, size_t num_pixels) {
    std::vector<v1::RenderResponse> events(4);
    events[0].mutable_page()->set_width_px(kWidth);
    events[0].mutable_page()->set_height_px(kHeight);
    events[1].mutable_strip()->set_pixels(std::string(kWidth, '\xFF'));
    events[2].mutable_strip()->set_pixels(std::string(num_pixels - kWidth, '\xFF'));
    v1::SourceBox* box = events[3].mutable_source_map()->add_boxes();
    box->set_source_end(7);
    box->set_x_px(x);
    box->set_y_px(1);
    box->set_width_px(width);
    box->set_height_px(3);
    return events;
  }

  absl::Status Write(const std::vector<v1::RenderResponse>& events, bool view) {
    PageFolder folder = PageFolder::Create(path_, {view, "cd", "abcdefg"}).value();
    for (const v1::RenderResponse& event : events) {
      if (absl::Status status = folder.Add(event); !status.ok()) return status;
    }
    v1::RenderResponse done;
    done.mutable_done();
    const absl::Status status = folder.Add(done);
    places_ = folder.places();
    return status;
  }

  std::string Read(const std::string& name) const {
    std::ostringstream bytes;
    bytes << std::ifstream(path_ + "/" + name, std::ios::binary).rdbuf();
    return bytes.str();
  }

  std::vector<PageFolder::Place> places_;
  const std::string path_ = ::testing::TempDir() + "page_folder_" + std::to_string(getpid());
};

std::string Png(std::string_view pixels) {
  return std::string(png::GrayPngEncoder().Encode(kWidth, kHeight, pixels));
}

TEST_F(PageFolderTest, WritesPagesMapAndContactSheet) {
  ASSERT_TRUE(Write(Page(1, 4, kWidth * kHeight), false).ok());
  EXPECT_EQ(Read("page-0001.png"), Png(std::string(kWidth * kHeight, '\xFF')));
  EXPECT_THAT(Read("contact-sheet.png"), ::testing::StartsWith("\x89PNG"));
  const auto map = nlohmann::json::parse(Read("map.json"));
  EXPECT_EQ(map["pages"][0]["boxes"][0]["source_end"], 7);
  EXPECT_EQ(map["pages"][0]["boxes"][0]["width_px"], 4);
  ASSERT_EQ(places_.size(), 1u);
  EXPECT_EQ(places_[0].file, "page-0001.png");
  EXPECT_EQ(places_[0].box.width_px(), 4u);
}

TEST_F(PageFolderTest, OutlinesBoxesForTheViewer) {
  ASSERT_TRUE(Write(Page(1, 4, kWidth * kHeight), true).ok());
  const std::string w = "\xFF", o = "\x90";
  EXPECT_EQ(Read("page-0001.png"), Png(w + w + w + w + w + w +  //
                                       w + o + o + o + o + w +  //
                                       w + o + w + w + o + w +  //
                                       w + o + o + o + o + w +  //
                                       w + w + w + w + w + w));
}

TEST_F(PageFolderTest, ClipsOutlinesToThePage) {
  ASSERT_TRUE(Write(Page(4, 0x7FFFFFFF, kWidth * kHeight), true).ok());
  ASSERT_TRUE(Write(Page(0xFFFFFFFF, 0xFFFFFFFF, kWidth * kHeight), true).ok());
}

TEST_F(PageFolderTest, RefusesAPageOfOtherPixels) {
  EXPECT_EQ(Write(Page(1, 4, kWidth * kHeight - 1), true).code(), absl::StatusCode::kInternal);
}

TEST_F(PageFolderTest, WritesNoContactSheetOfNothing) {
  ASSERT_TRUE(Write({}, false).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/contact-sheet.png"));
}

}  // namespace
}  // namespace glyph::gateway::cli
