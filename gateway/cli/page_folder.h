#pragma once
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "glyph/v1/gateway.pb.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway::cli {

// Writes the events of a render as page-0001.png, page-0002.png, ... and map.json, which says which
// bytes of the source lie in which box of which page. Not thread-safe.
class PageFolder {
 public:
  // Creates `folder` when it does not exist. UNAVAILABLE: it cannot be written.
  static absl::StatusOr<PageFolder> Create(const std::string& folder);

  // One event, in the order of the call. With `done`, map.json is written.
  absl::Status Add(const v1::RenderResponse& event);

  int num_pages() const { return num_pages_; }

 private:
  explicit PageFolder(std::string folder) : folder_(std::move(folder)) {}

  void BeginPage(const v1::PageHeader& page);
  absl::Status EndPage();
  void AddBoxes(const v1::SourceMap& source_map);
  absl::Status WriteMap(const v1::RenderDone& done);
  absl::Status WriteFile(const std::string& name, const std::string& bytes) const;

  std::string folder_;
  int num_pages_ = 0;
  v1::PageHeader page_;  // the last one
  std::string pixels_;   // of it, until it is written
  nlohmann::ordered_json pages_ = nlohmann::ordered_json::array();
};

}  // namespace glyph::gateway::cli
