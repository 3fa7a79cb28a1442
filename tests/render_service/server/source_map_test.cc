#include "render_service/server/source_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/bench_texts.h"
#include "tests/render_service/pipeline/odd_profiles.h"
#include "tests/render_service/pipeline/random_text.h"

namespace glyph::render {
namespace {

using ::testing::ElementsAre;

// A cluster as a client sees it.
struct Box {
  uint32_t source_begin;
  uint32_t source_end;
  int x, y, width, height;

  friend bool operator==(const Box&, const Box&) = default;
};

// Reads messages as page.proto says.
std::vector<Box> Read(const std::vector<v1::SourceMap>& maps) {
  std::vector<Box> boxes;
  for (const v1::SourceMap& map : maps) {
    uint32_t offset = 0, y = 0;
    int i = 0, next_rare = 0;
    for (int run = 0; run < map.runs_size(); run += 4) {
      offset += map.runs(run);
      y += map.runs(run + 1);
      uint32_t x = map.runs(run + 2);
      const uint32_t n = map.runs(run + 3);
      for (uint32_t k = 0; k < n / 2; ++k, ++i) {
        const int code = static_cast<uint8_t>(map.clusters()[i / 2]) >> 4 * (i % 2) & 15;
        const uint32_t bytes = code > 0 ? map.palette(2 * code - 2) : map.rare(next_rare++);
        const uint32_t width = code > 0 ? map.palette(2 * code - 1) : map.rare(next_rare++);
        const uint32_t left = n % 2 == 0 ? x : x - width;
        boxes.push_back({offset, offset + bytes, static_cast<int>(left), static_cast<int>(y),
                         static_cast<int>(width), static_cast<int>(map.line_height_px())});
        offset += bytes;
        x += n % 2 == 0 ? width : -width;
      }
    }
    EXPECT_EQ(next_rare, map.rare_size());
    EXPECT_EQ(map.clusters().size(), static_cast<size_t>(i + 1) / 2);
  }
  return boxes;
}

std::vector<Box> Boxes(const RenderedPage& page) {
  std::vector<Box> boxes;
  for (const PlacedLine& line : page.lines) {
    for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
      const PlacedCluster& c = page.clusters[i];
      boxes.push_back({c.source_begin, c.source_end, c.x, line.y, c.width, line.height});
    }
  }
  return boxes;
}

// A page of one line of `height` px a cluster.
RenderedPage Page(const std::vector<PlacedCluster>& clusters, const std::vector<int>& heights) {
  RenderedPage page;
  page.index = 3;
  page.clusters = clusters;
  for (uint32_t i = 0; i < heights.size(); ++i) {
    page.lines.push_back({.y = static_cast<int16_t>(100 + i),
                          .height = static_cast<int16_t>(heights[i]),
                          .first_cluster = i,
                          .end_cluster = i + 1});
  }
  page.lines.back().end_cluster = static_cast<uint32_t>(clusters.size());
  return page;
}

size_t Bytes(const std::vector<v1::SourceMap>& maps) {
  size_t bytes = 0;
  for (const v1::SourceMap& map : maps) bytes += map.ByteSizeLong();
  return bytes;
}

class SourceMapTest : public ::testing::Test {
 protected:
  template <typename Visitor>
  void ForEachPage(const std::string& text, std::shared_ptr<const ResolvedProfile> profile,
                   const Visitor& visit) {
    TextTask task(text, {.profile = std::move(profile),
                         .lenient_utf8 = true,
                         .max_pages = 256,
                         .has_clusters = true});
    while (true) {
      const RenderEvent event = task.Step(tools_).value();
      if (const auto* page = std::get_if<RenderedPage>(&event)) visit(*page);
      if (std::holds_alternative<RenderSummary>(event)) return;
    }
  }

  // Bytes of source map a character.
  double Cost(const std::string& text, const std::string& profile) {
    size_t bytes = 0;
    ForEachPage(text, catalog_->Find(profile).value(),
                [&](const RenderedPage& page) { bytes += Bytes(MakeSourceMaps(page)); });
    return static_cast<double>(bytes) /
           static_cast<double>(SourceText::Create(text, false)->num_characters());
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  WorkerTools tools_;
};

TEST_F(SourceMapTest, WritesRunsOfBothDirections) {
  // Two letters, a gap in the source, two letters from right to left.
  const auto maps = MakeSourceMaps(
      Page({{5, 6, 10, 7}, {6, 7, 17, 7}, {9, 11, 37, 8, true}, {11, 13, 29, 300, true}}, {20}));
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(maps[0].page_index(), 3u);
  EXPECT_EQ(maps[0].line_height_px(), 20u);
  EXPECT_THAT(maps[0].runs(), ElementsAre(5, 100, 10, 4, 2, 0, 45, 3, 0, 0, 329, 3));
  EXPECT_THAT(maps[0].palette(), ElementsAre(1, 7, 2, 8));
  EXPECT_EQ(maps[0].clusters(), std::string("\x11\x02"));
  EXPECT_THAT(maps[0].rare(), ElementsAre(2, 300));
  EXPECT_EQ(maps[0].boxes_size(), 0);
}

TEST_F(SourceMapTest, KeepsOneHeightInAMessage) {
  const RenderedPage page = Page({{0, 1, 10, 7}, {1, 2, 10, 7}, {2, 3, 10, 7}}, {20, 20, 30});
  const auto maps = MakeSourceMaps(page);
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[1].page_index(), 3u);
  EXPECT_TRUE(Read(maps) == Boxes(page));
}

TEST_F(SourceMapTest, SplitsAtTheLimitOfClusters) {
  for (const uint32_t count : {32767, 32768, 32769}) {
    // The worst that may be: each a run of its own, and rare.
    std::vector<PlacedCluster> clusters;
    for (uint32_t i = 0; i < count; ++i) {
      clusters.push_back({i * 400, i * 400 + 200, static_cast<int16_t>(16384 - i % 2), 300});
    }
    const RenderedPage page = Page(clusters, {20});
    const auto maps = MakeSourceMaps(page);
    EXPECT_EQ(maps.size(), count > 32768 ? 2u : 1u);
    for (const v1::SourceMap& map : maps) EXPECT_LE(map.ByteSizeLong(), size_t{1} << 20);
    EXPECT_TRUE(Read(maps) == Boxes(page));
  }
}

TEST_F(SourceMapTest, SendsBoxesOfLinesUnlessClustersAreKnown) {
  RenderedPage page = Page({{0, 1, 10, 7}}, {20});
  page.clusters.clear();
  page.lines[0].end_cluster = 0;
  const auto maps = MakeSourceMaps(page);
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(maps[0].boxes_size(), 1);
  EXPECT_EQ(maps[0].runs_size(), 0);
  page.lines.clear();  // an upload
  EXPECT_TRUE(MakeSourceMaps(page).empty());
}

TEST_F(SourceMapTest, BringsEveryClusterOfRandomDocumentsBack) {
  const auto profiles = OddProfiles(*catalog_);
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "document " << seed);
    const std::string text = RandomText(seed).Document();
    ForEachPage(text, profiles[seed / 4 % profiles.size()], [&](const RenderedPage& page) {
      const auto maps = MakeSourceMaps(page);
      const std::vector<Box> boxes = Read(maps);
      ASSERT_TRUE(boxes == Boxes(page));
      size_t most = maps.size() * 80;
      for (const v1::SourceMap& map : maps) {
        most += map.clusters().size() + static_cast<size_t>(map.runs_size() / 4 * 13) +
                static_cast<size_t>(map.rare_size() / 2 * 7);
      }
      EXPECT_LE(Bytes(maps), most);
    });
    if (HasFailure()) return;
  }
}

TEST_F(SourceMapTest, GivesAPointToOneClusterAtMost) {
  const auto profiles = OddProfiles(*catalog_);
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const auto& profile = profiles[seed % profiles.size()];
    // Upstream makes the spaces of a line that hangs over so narrow that its words overlap.
    if (profile->profile.wrap == WrapMode::kUpstream) continue;
    ForEachPage(RandomText(seed).Document(), profile, [&](const RenderedPage& page) {
      std::vector<Box> boxes = Read(MakeSourceMaps(page));
      std::erase_if(boxes, [](const Box& box) { return box.width == 0; });
      std::stable_sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) {
        return std::pair(a.y, a.x) < std::pair(b.y, b.x);
      });
      for (size_t i = 1; i < boxes.size(); ++i) {
        if (boxes[i].y != boxes[i - 1].y) continue;
        EXPECT_GE(boxes[i].x, boxes[i - 1].x + boxes[i - 1].width)
            << "document " << seed << ", byte " << boxes[i].source_begin;
      }
    });
    if (HasFailure()) return;
  }
}

TEST_F(SourceMapTest, TakesAtMostAByteACharacter) {
  struct Row {
    const char* name;
    std::string text;
  };
  constexpr size_t kBytes = 60'000;
  const Row rows[] = {{"English prose", EnglishProse(kBytes)},
                      {"Chinese prose", ChineseProse(kBytes)},
                      {"Markdown", Markdown(kBytes)},
                      {"Arabic", Arabic(kBytes)},
                      {"Devanagari", Devanagari(kBytes)}};
  std::printf("| text | noto-1024 | glyph-upstream | nano |\n");
  for (const Row& row : rows) {
    std::printf("| %s |", row.name);
    for (const char* profile : {"noto-1024", "glyph-upstream", "nano"}) {
      const double cost = Cost(row.text, profile);
      EXPECT_LE(cost, 1) << row.name << ", " << profile;
      std::printf(" %.2f |", cost);
    }
    std::printf("\n");
  }
}

TEST_F(SourceMapTest, TakesLittleMoreOfLinesOfOneLetter) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::string(1, static_cast<char>('a' + i % 26)) + "\n";
  EXPECT_LE(Cost(text, "noto-1024"), 3);
}

}  // namespace
}  // namespace glyph::render
