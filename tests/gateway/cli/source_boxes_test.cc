#include "gateway/cli/source_boxes.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::ElementsAre;

// Two lines of "ab" + U+00E9, U+05D0 and U+05D1 from right to left, and "z", which is rare.
v1::SourceMap Map() {
  v1::SourceMap map;
  for (const uint32_t number : {1, 20, 10, 6, 1, 0, 50, 5, 1, 20, 10, 2}) map.add_runs(number);
  for (const uint32_t number : {1, 7, 2, 8}) map.add_palette(number);
  map.set_clusters(std::string("\x11\x22\x02", 3));
  for (const uint32_t number : {1, 300}) map.add_rare(number);
  map.set_line_height_px(20);
  return map;
}

const std::string kSource = "\nab\u00E9 \u05D0\u05D1\nz";

// "begin-end: left,top width x height" of each.
std::vector<std::string> Describe(const std::vector<v1::SourceBox>& boxes) {
  std::vector<std::string> texts;
  for (const v1::SourceBox& box : boxes) {
    texts.push_back(absl::StrCat(box.source_begin(), "-", box.source_end(), ": ", box.x_px(), ",",
                                 box.y_px(), " ", box.width_px(), "x", box.height_px()));
  }
  return texts;
}

TEST(SourceBoxesTest, ReadsRunsOfBothDirections) {
  EXPECT_THAT(Describe(ReadSourceMap(Map()).value()),
              ElementsAre("1-2: 10,20 7x20", "2-3: 17,20 7x20", "3-5: 24,20 8x20",
                          "6-8: 42,20 8x20", "8-10: 34,20 8x20", "11-12: 10,40 300x20"));
}

TEST(SourceBoxesTest, ReadsBoxesOfOlderRenderers) {
  v1::SourceMap map;
  v1::SourceBox* box = map.add_boxes();
  box->set_source_end(9);
  box->set_width_px(5);
  EXPECT_THAT(Describe(ReadSourceMap(map).value()), ElementsAre("0-9: 0,0 5x0"));
}

TEST(SourceBoxesTest, RefusesMalformedMaps) {
  const auto expect_refused = [](auto change) {
    v1::SourceMap map = Map();
    change(map);
    EXPECT_EQ(ReadSourceMap(map).status().code(), absl::StatusCode::kInternal);
  };
  expect_refused([](v1::SourceMap& map) { map.add_runs(1); });
  expect_refused([](v1::SourceMap& map) { map.mutable_clusters()->pop_back(); });
  expect_refused([](v1::SourceMap& map) { map.mutable_rare()->RemoveLast(); });
  expect_refused([](v1::SourceMap& map) { map.mutable_palette()->RemoveLast(); });
  expect_refused([](v1::SourceMap& map) { map.set_runs(3, 0xFFFFFFFF); });
}

TEST(SourceBoxesTest, JoinsWhatStandsSideBySide) {
  EXPECT_THAT(Describe(JoinBoxes(ReadSourceMap(Map()).value())),
              ElementsAre("1-5: 10,20 22x20", "6-10: 34,20 16x20", "11-12: 10,40 300x20"));
}

TEST(SourceBoxesTest, FindsTextInsideALineAndAcrossLines) {
  const auto boxes = ReadSourceMap(Map()).value();
  EXPECT_THAT(Describe(FindText(kSource, "b", boxes)), ElementsAre("2-3: 17,20 7x20"));
  EXPECT_THAT(Describe(FindText(kSource, "\u05D1", boxes)), ElementsAre("8-10: 34,20 8x20"));
  EXPECT_THAT(Describe(FindText(kSource, "\u05D1\nz", boxes)),
              ElementsAre("8-10: 34,20 8x20", "11-12: 10,40 300x20"));
  EXPECT_TRUE(FindText(kSource, "\u05D1 z", boxes).empty());
  EXPECT_TRUE(FindText(kSource, "a", {}).empty());
}

TEST(SourceBoxesTest, FindsPlacesThatShareACluster) {
  // A box of "xx" drawn as one, between pages.
  v1::SourceMap map;
  for (const uint32_t number : {3, 0, 10, 2}) map.add_runs(number);
  for (const uint32_t number : {2, 7}) map.add_palette(number);
  map.set_clusters("\x01");
  const auto boxes = ReadSourceMap(map).value();
  EXPECT_THAT(Describe(FindText("x xxx x", "x", boxes)),
              ElementsAre("3-5: 10,0 7x0", "3-5: 10,0 7x0"));
  EXPECT_THAT(Describe(FindText("x xxx x", "xx", boxes)), ElementsAre("3-5: 10,0 7x0"));
}

}  // namespace
}  // namespace glyph::gateway::cli
