#include "render_service/server/source_map.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace glyph::render {
namespace {

constexpr int kMaxBoxesInMessage = 8192;
constexpr size_t kMaxClustersInMessage = 32768;
constexpr size_t kMaxPalette = 15;

// Bytes of the source and width in px of a cluster.
struct ClusterSize {
  uint32_t bytes = 0;
  uint32_t width = 0;

  // Larger ones are not worth a place in the palette. Others have a number below kNumSmall.
  static constexpr uint32_t kMaxBytes = 16, kMaxWidth = 256, kNumSmall = kMaxBytes * kMaxWidth;
  bool IsSmall() const { return bytes < kMaxBytes && width < kMaxWidth; }
  uint32_t Number() const { return bytes * kMaxWidth + width; }
};

// Writes one message; see SourceMap in page.proto for the form.
class RunWriter {
 public:
  RunWriter(uint32_t page_index, int line_height_px) {
    map_.set_page_index(page_index);
    map_.set_line_height_px(static_cast<uint32_t>(line_height_px));
    sizes_.reserve(kMaxClustersInMessage);
  }

  size_t num_clusters() const { return sizes_.size(); }
  int line_height_px() const { return static_cast<int>(map_.line_height_px()); }

  // Adds the next cluster of the page, which stands on a line at `y`.
  void Add(const PlacedCluster& cluster, int y) {
    const int right = cluster.x + cluster.width;
    const int begin = cluster.is_rtl ? right : cluster.x;
    const bool goes_on = num_in_run_ > 0 && y == y_ && cluster.source_begin == source_end_ &&
                         begin == x_ && cluster.is_rtl == is_rtl_;
    if (!goes_on) {
      EndRun();
      map_.add_runs(cluster.source_begin - source_end_);
      map_.add_runs(static_cast<uint32_t>(y - y_));
      map_.add_runs(static_cast<uint32_t>(begin));
      y_ = y;
      is_rtl_ = cluster.is_rtl;
    }
    ++num_in_run_;
    source_end_ = cluster.source_end;
    x_ = cluster.is_rtl ? cluster.x : right;
    sizes_.push_back(
        {cluster.source_end - cluster.source_begin, static_cast<uint32_t>(cluster.width)});
  }

  v1::SourceMap Finish() {
    EndRun();
    const auto codes = MakePalette();
    std::string& out = *map_.mutable_clusters();
    out.assign((sizes_.size() + 1) / 2, '\0');
    char* const halves = out.data();
    for (size_t i = 0; i < sizes_.size(); ++i) {
      const ClusterSize& size = sizes_[i];
      const uint8_t code = size.IsSmall() ? codes[size.Number()] : 0;
      halves[i / 2] = static_cast<char>(i % 2 == 0 ? code : halves[i / 2] | code << 4);
      if (code > 0) continue;
      map_.add_rare(size.bytes);
      map_.add_rare(size.width);
    }
    return std::move(map_);
  }

 private:
  void EndRun() {
    if (num_in_run_ > 0) map_.add_runs(2 * std::exchange(num_in_run_, 0) + (is_rtl_ ? 1 : 0));
  }

  using Codes = std::array<uint8_t, ClusterSize::kNumSmall>;

  // Gives the commonest sizes codes from 1 on.
  Codes MakePalette() {
    std::array<uint32_t, ClusterSize::kNumSmall> counts = {};
    std::vector<ClusterSize> kinds;
    for (const ClusterSize& size : sizes_) {
      if (size.IsSmall() && counts[size.Number()]++ == 0) kinds.push_back(size);
    }
    std::stable_sort(kinds.begin(), kinds.end(), [&](const ClusterSize& a, const ClusterSize& b) {
      return counts[a.Number()] > counts[b.Number()];
    });
    kinds.resize(std::min(kinds.size(), kMaxPalette));
    Codes codes = {};
    uint8_t code = 0;
    for (const ClusterSize& size : kinds) {
      codes[size.Number()] = ++code;
      map_.add_palette(size.bytes);
      map_.add_palette(size.width);
    }
    return codes;
  }

  v1::SourceMap map_;
  std::vector<ClusterSize> sizes_;
  uint32_t num_in_run_ = 0;  // clusters of the last run, until it ends
  int y_ = 0;                // of the run
  uint32_t source_end_ = 0;  // of the last cluster
  int x_ = 0;                // where the next one of the run begins
  bool is_rtl_ = false;
};

std::vector<v1::SourceMap> MakeRuns(const RenderedPage& page) {
  std::vector<v1::SourceMap> maps;
  RunWriter writer(page.index, page.lines.front().height);
  for (const PlacedLine& line : page.lines) {
    for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
      if (writer.num_clusters() == kMaxClustersInMessage ||
          line.height != writer.line_height_px()) {
        maps.push_back(writer.Finish());
        writer = RunWriter(page.index, line.height);
      }
      writer.Add(page.clusters[i], line.y);
    }
  }
  maps.push_back(writer.Finish());
  return maps;
}

std::vector<v1::SourceMap> MakeBoxes(const RenderedPage& page) {
  std::vector<v1::SourceMap> maps;
  for (const PlacedLine& line : page.lines) {
    if (maps.empty() || maps.back().boxes_size() == kMaxBoxesInMessage) {
      maps.emplace_back().set_page_index(page.index);
    }
    v1::SourceBox& box = *maps.back().add_boxes();
    box.set_source_begin(line.source_begin);
    box.set_source_end(line.source_end);
    box.set_x_px(static_cast<uint32_t>(line.x));
    box.set_y_px(static_cast<uint32_t>(line.y));
    box.set_width_px(static_cast<uint32_t>(line.width));
    box.set_height_px(static_cast<uint32_t>(line.height));
  }
  return maps;
}

}  // namespace

std::vector<v1::SourceMap> MakeSourceMaps(const RenderedPage& page) {
  return page.clusters.empty() ? MakeBoxes(page) : MakeRuns(page);
}

}  // namespace glyph::render
