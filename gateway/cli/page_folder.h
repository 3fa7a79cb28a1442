#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/cli/contact_sheet.h"
#include "gateway/png/gray_png_encoder.h"
#include "glyph/v1/gateway.pb.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway::cli {

struct PageFolderOptions {
  bool view = false;  // the boxes of lines are drawn on the pages
  // The text `find` is looked for in `source`, unless it is empty.
  std::string find;
  std::string_view source;  // outlives the PageFolder
};

// Writes the events of a render as page-0001.png, page-0002.png, ..., contact-sheet.png with all of
// them in small, and map.json, which says which bytes of the source lie in which box of which page.
// Not thread-safe.
class PageFolder {
 public:
  // A place of the text that is looked for, or the part of it on one line.
  struct Place {
    std::string file;  // of the page
    v1::SourceBox box;
  };

  // Creates `folder` when it does not exist. UNAVAILABLE: it cannot be written.
  static absl::StatusOr<PageFolder> Create(const std::string& folder, PageFolderOptions options);

  // One event, in the order of the call. With `done`, map.json and the contact sheet are written.
  absl::Status Add(const v1::RenderResponse& event);

  int num_pages() const { return num_pages_; }
  // Of the pages written, in the order of the source.
  const std::vector<Place>& places() const { return places_; }

 private:
  PageFolder(std::string folder, PageFolderOptions options)
      : folder_(std::move(folder)), options_(std::move(options)) {}

  void BeginPage(const v1::PageHeader& page);
  absl::Status EndPage();
  // What boxes_ say of the page: into pages_, places_ and, for the viewer, the pixels.
  void UseBoxes();
  // Darkens the outline of `box` on the page, clipped to it.
  void DrawBox(const v1::SourceBox& box);
  absl::Status WriteContactSheet();
  absl::Status WriteMap(const v1::RenderDone& done);
  absl::Status WritePng(const std::string& name, uint32_t width, uint32_t height,
                        std::string_view pixels);
  absl::Status WriteFile(const std::string& name, std::string_view bytes) const;

  std::string folder_;
  PageFolderOptions options_;
  int num_pages_ = 0;
  v1::PageHeader page_;               // the last one
  std::string pixels_;                // of it, until it is written
  std::vector<v1::SourceBox> boxes_;  // of its clusters, or lines
  std::vector<Place> places_;
  png::GrayPngEncoder encoder_;
  ContactSheet contact_sheet_;
  nlohmann::ordered_json pages_ = nlohmann::ordered_json::array();
};

}  // namespace glyph::gateway::cli
