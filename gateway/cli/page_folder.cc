#include "gateway/cli/page_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/cli/source_boxes.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

constexpr uint8_t kOutline = 144;

absl::Status Unwritable(const std::string& path) {
  return rpc::Unavailable("CANNOT_WRITE", absl::ZeroDuration(),
                          absl::StrCat("cannot write ", path, "; choose another folder with -o"));
}

}  // namespace

absl::StatusOr<PageFolder> PageFolder::Create(const std::string& folder,
                                              PageFolderOptions options) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Unwritable(folder);
  return PageFolder(folder, std::move(options));
}

absl::Status PageFolder::Add(const v1::RenderResponse& event) {
  switch (event.event_case()) {
    case v1::RenderResponse::kPage:
      GLYPH_RETURN_IF_ERROR(EndPage());
      BeginPage(event.page());
      return absl::OkStatus();
    case v1::RenderResponse::kStrip:
      pixels_.append(event.strip().pixels());
      return absl::OkStatus();
    case v1::RenderResponse::kSourceMap: {
      GLYPH_ASSIGN_OR_RETURN(const std::vector<v1::SourceBox> boxes,
                             ReadSourceMap(event.source_map()));
      boxes_.insert(boxes_.end(), boxes.begin(), boxes.end());
      return absl::OkStatus();
    }
    case v1::RenderResponse::kDone:
      GLYPH_RETURN_IF_ERROR(EndPage());
      GLYPH_RETURN_IF_ERROR(WriteContactSheet());
      return WriteMap(event.done());
    default:
      return absl::OkStatus();
  }
}

void PageFolder::BeginPage(const v1::PageHeader& page) {
  page_ = page;
  pixels_.clear();
  boxes_.clear();
  pages_.push_back({{"file", absl::StrFormat("page-%04d.png", ++num_pages_)},
                    {"width_px", page.width_px()},
                    {"height_px", page.height_px()},
                    {"boxes", nlohmann::ordered_json::array()}});
}

absl::Status PageFolder::EndPage() {
  if (num_pages_ == 0) return absl::OkStatus();
  if (pixels_.empty() || pixels_.size() != size_t{page_.width_px()} * page_.height_px()) {
    return absl::InternalError("a page came with too few or too many pixels");
  }
  UseBoxes();
  contact_sheet_.Add(page_.width_px(), page_.height_px(), pixels_);
  return WritePng(pages_.back()["file"], page_.width_px(), page_.height_px(), pixels_);
}

void PageFolder::UseBoxes() {
  if (!options_.find.empty()) {
    for (const v1::SourceBox& box : FindText(options_.source, options_.find, boxes_)) {
      places_.push_back({pages_.back()["file"], box});
    }
  }
  for (const v1::SourceBox& box : JoinBoxes(boxes_)) {
    pages_.back()["boxes"].push_back({{"source_begin", box.source_begin()},
                                      {"source_end", box.source_end()},
                                      {"x_px", box.x_px()},
                                      {"y_px", box.y_px()},
                                      {"width_px", box.width_px()},
                                      {"height_px", box.height_px()}});
    if (options_.view) DrawBox(box);
  }
}

absl::Status PageFolder::WriteContactSheet() {
  if (num_pages_ == 0) return absl::OkStatus();
  const GrayPicture sheet = contact_sheet_.Draw();
  return WritePng("contact-sheet.png", sheet.width_px, sheet.height_px, sheet.pixels);
}

void PageFolder::DrawBox(const v1::SourceBox& box) {
  const uint32_t right = std::min(box.x_px() + box.width_px(), page_.width_px());
  const uint32_t bottom = std::min(box.y_px() + box.height_px(), page_.height_px());
  for (uint32_t y = box.y_px(); y < bottom; ++y) {
    const bool is_edge = y == box.y_px() || y + 1 == bottom;
    for (uint32_t x = box.x_px(); x < right; ++x) {
      if (!is_edge && x != box.x_px() && x + 1 != right) continue;
      char& pixel = pixels_[size_t{y} * page_.width_px() + x];
      pixel = static_cast<char>(std::min<uint8_t>(static_cast<uint8_t>(pixel), kOutline));
    }
  }
}

absl::Status PageFolder::WriteMap(const v1::RenderDone& done) {
  const v1::RenderDiagnostics& odd = done.diagnostics();
  const nlohmann::ordered_json map = {{"characters", done.characters()},
                                      {"diagnostics",
                                       {{"replaced_bytes", odd.replaced_bytes()},
                                        {"missing_glyphs", odd.missing_glyphs()},
                                        {"control_characters", odd.control_characters()},
                                        {"capped_marks", odd.capped_marks()},
                                        {"blank_pages", odd.blank_pages()},
                                        {"empty", odd.empty()}}},
                                      {"pages", pages_}};
  return WriteFile("map.json", map.dump(1) + "\n");
}

absl::Status PageFolder::WritePng(const std::string& name, uint32_t width, uint32_t height,
                                  std::string_view pixels) {
  return WriteFile(name, encoder_.Encode(width, height, pixels));
}

absl::Status PageFolder::WriteFile(const std::string& name, std::string_view bytes) const {
  const std::string path = absl::StrCat(folder_, "/", name);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file ? absl::OkStatus() : Unwritable(path);
}

}  // namespace glyph::gateway::cli
