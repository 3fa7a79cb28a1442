#include "gateway/cli/source_boxes.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/status/status.h"

namespace glyph::gateway::cli {
namespace {

absl::Status Malformed() { return absl::InternalError("a source map came malformed"); }

// Reads the clusters of a message one after the other.
class ClusterReader {
 public:
  explicit ClusterReader(const v1::SourceMap& map) : map_(map) {}

  // False: there is none.
  bool Next(uint32_t& bytes, uint32_t& width) {
    if (next_ / 2 >= map_.clusters().size()) return false;
    const int code = static_cast<uint8_t>(map_.clusters()[next_ / 2]) >> 4 * (next_ % 2) & 15;
    ++next_;
    const auto& sizes = code > 0 ? map_.palette() : map_.rare();
    const int i = code > 0 ? 2 * (code - 1) : next_rare_;
    if (i + 1 >= sizes.size()) return false;
    bytes = sizes[i];
    width = sizes[i + 1];
    if (code == 0) next_rare_ += 2;
    return true;
  }

 private:
  const v1::SourceMap& map_;
  size_t next_ = 0;
  int next_rare_ = 0;
};

bool AreSideBySide(const v1::SourceBox& a, const v1::SourceBox& b) {
  return a.y_px() == b.y_px() && a.height_px() == b.height_px() &&
         (a.x_px() + a.width_px() == b.x_px() || b.x_px() + b.width_px() == a.x_px());
}

}  // namespace

absl::StatusOr<std::vector<v1::SourceBox>> ReadSourceMap(const v1::SourceMap& map) {
  std::vector<v1::SourceBox> boxes(map.boxes().begin(), map.boxes().end());
  if (map.runs_size() % 4 != 0) return Malformed();
  ClusterReader clusters(map);
  uint64_t offset = 0;
  uint32_t y = 0;
  for (int run = 0; run < map.runs_size(); run += 4) {
    offset += map.runs(run);
    y += map.runs(run + 1);
    uint32_t x = map.runs(run + 2);
    const uint32_t n = map.runs(run + 3);
    const bool is_rtl = n % 2 != 0;
    for (uint32_t i = 0; i < n / 2; ++i) {
      uint32_t bytes = 0, width = 0;
      if (!clusters.Next(bytes, width)) return Malformed();
      v1::SourceBox& box = boxes.emplace_back();
      box.set_source_begin(offset);
      box.set_source_end(offset + bytes);
      box.set_x_px(is_rtl ? x - width : x);
      box.set_y_px(y);
      box.set_width_px(width);
      box.set_height_px(map.line_height_px());
      offset += bytes;
      x = is_rtl ? x - width : x + width;
    }
  }
  return boxes;
}

std::vector<v1::SourceBox> JoinBoxes(const std::vector<v1::SourceBox>& boxes) {
  std::vector<v1::SourceBox> joined;
  for (const v1::SourceBox& box : boxes) {
    if (joined.empty() || !AreSideBySide(joined.back(), box)) {
      joined.push_back(box);
      continue;
    }
    v1::SourceBox& last = joined.back();
    last.set_source_end(box.source_end());
    last.set_x_px(std::min(last.x_px(), box.x_px()));
    last.set_width_px(last.width_px() + box.width_px());
  }
  return joined;
}

std::vector<v1::SourceBox> FindText(std::string_view source, std::string_view text,
                                    const std::vector<v1::SourceBox>& boxes) {
  std::vector<v1::SourceBox> found;
  if (boxes.empty()) return found;
  const size_t first = boxes.front().source_begin();
  size_t begin = first < text.size() ? 0 : first - text.size() + 1;
  for (auto next = boxes.begin();;) {
    begin = source.find(text, begin);
    if (begin == std::string_view::npos || begin >= boxes.back().source_end()) return found;
    const size_t end = begin + text.size();
    const auto ends_before = [&](const v1::SourceBox& box) { return box.source_end() <= begin; };
    next = std::find_if_not(next, boxes.end(), ends_before);
    std::vector<v1::SourceBox> parts;
    for (; next != boxes.end() && next->source_begin() < end; ++next) parts.push_back(*next);
    parts = JoinBoxes(parts);
    std::move(parts.begin(), parts.end(), std::back_inserter(found));
    if (next != boxes.begin() && std::prev(next)->source_end() > end) --next;
    begin = end;
  }
}

}  // namespace glyph::gateway::cli
