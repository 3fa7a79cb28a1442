// ParseRenderProfile: the JSON form of RenderProfile.
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxProfileBytes = 64 << 10;

absl::Status Invalid(absl::string_view message) {
  return rpc::InvalidArgument("PROFILE_INVALID", "render.profile_json",
                              absl::StrCat("render profile: ", message));
}

// Takes keys from an object one by one and keeps the first error.
class KeyReader {
 public:
  explicit KeyReader(const Json& object) : object_(object) {}

  double Number(const char* key, double min, double max) {
    const Json* value = Take(key);
    if (value == nullptr || !Check(value->is_number(), key, "a number")) return min;
    return InRange(key, value->get<double>(), min, max);
  }

  int Integer(const char* key, int min, int max) {
    const Json* value = Take(key);
    if (value == nullptr || !Check(value->is_number_integer(), key, "a whole number")) return min;
    return static_cast<int>(InRange(key, value->get<double>(), min, max));
  }

  int Integer(const char* key, int min, int max, int otherwise) {
    return Has(key) ? Integer(key, min, max) : otherwise;
  }

  // One number, or [least, most].
  std::pair<int, int> Range(const char* key, int min, int max) {
    if (!Has(key) || !object_.at(key).is_array()) {
      const int both = Integer(key, min, max);
      return {both, both};
    }
    const Json& pair = *Take(key);
    if (!Check(pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer(), key,
               "a whole number or two of them")) {
      return {min, min};
    }
    const double least = InRange(key, pair[0].get<double>(), min, max);
    return {static_cast<int>(least),
            static_cast<int>(InRange(key, pair[1].get<double>(), least, max))};
  }

  // 1 to `max_bytes` bytes, or empty too when `may_be_empty`.
  std::string Text(const char* key, size_t max_bytes, bool may_be_empty = false) {
    const Json* value = Take(key);
    if (value == nullptr || !Check(value->is_string(), key, "a string")) return "";
    const auto& text = value->get_ref<const std::string&>();
    Check(text.size() <= max_bytes && (may_be_empty || !text.empty()), key,
          absl::StrCat("a string of at most ", max_bytes, " bytes"));
    return text;
  }

  // Index into `choices` of the key's value; 0 when the key is absent.
  size_t Choice(const char* key, std::initializer_list<Json> choices) {
    if (!Has(key)) return 0;
    const Json& value = *Take(key);
    size_t index = 0;
    for (const Json& choice : choices) {
      if (choice == value) return index;
      ++index;
    }
    Check(false, key, absl::StrCat("one of ", Json(choices).dump()));
    return 0;
  }

  // The object at an optional key; null when it is absent.
  const Json* Object(const char* key) {
    if (!Has(key)) return nullptr;
    const Json* value = Take(key);
    return Check(value->is_object(), key, "an object") ? value : nullptr;
  }

  // The same of a list.
  const Json* List(const char* key) {
    if (!Has(key)) return nullptr;
    const Json* value = Take(key);
    return Check(value->is_array(), key, "a list") ? value : nullptr;
  }

  bool Has(const char* key) const { return object_.contains(key); }

  void Ignore(const char* key) { taken_.insert(key); }

  // The first error; an unknown key is one.
  absl::Status Finish() {
    for (const auto& [key, value] : object_.items()) {
      if (status_.ok() && taken_.count(key) == 0) {
        std::string shown = key.substr(0, 64);
        shown.resize(base::ValidUtf8Prefix(shown));
        status_ = Invalid(absl::StrCat("unknown key \"", shown, "\""));
      }
    }
    return status_;
  }

 private:
  const Json* Take(const char* key) {
    taken_.insert(key);
    if (Has(key)) return &object_.at(key);
    if (status_.ok()) status_ = Invalid(absl::StrCat("the key \"", key, "\" is missing"));
    return nullptr;
  }

  bool Check(bool holds, const char* key, absl::string_view expected) {
    if (!holds && status_.ok()) {
      status_ = Invalid(absl::StrCat("\"", key, "\" must be ", expected));
    }
    return holds;
  }

  double InRange(const char* key, double value, double min, double max) {
    const bool holds = value >= min && value <= max;
    Check(holds, key, absl::StrCat("between ", min, " and ", max));
    return holds ? value : min;
  }

  const Json& object_;
  std::set<std::string> taken_;
  absl::Status status_;
};

void ReadFont(KeyReader& keys, FontStyle& font) {
  font.family = keys.Text("font_family", 128);
  font.file = keys.Text("font_file", 128);
  font.face_index = keys.Integer("font_face_index", 0, 255);
  font.size_px = keys.Number("font_size_px", 4, 128);
  font.features = keys.Text("font_features", 256, /*may_be_empty=*/true);
  font.subpixel = keys.Choice("subpixel_positioning", {false, true}) == 1;
  // Both follow from it and may be named.
  keys.Choice("round_glyph_positions", {!font.subpixel});
  keys.Choice("hint_metrics", {font.subpixel ? "off" : "on"});
}

absl::StatusOr<std::vector<FontFace>> ReadFallback(const Json& list) {
  if (list.size() > kMaxFallbacks) {
    return Invalid(absl::StrCat("\"fallback_fonts\" must have at most ", kMaxFallbacks, " faces"));
  }
  std::vector<FontFace> faces;
  for (const Json& object : list) {
    if (!object.is_object()) return Invalid("\"fallback_fonts\" must hold objects");
    KeyReader keys(object);
    faces.push_back({.family = keys.Text("family", 128),
                     .file = keys.Text("file", 128),
                     .face_index = keys.Integer("face_index", 0, 255)});
    GLYPH_RETURN_IF_ERROR(keys.Finish());
  }
  return faces;
}

absl::Status ReadLanguageFaces(const Json& object, RenderProfile& profile) {
  KeyReader languages(object);
  for (const char* language : {"zh-Hans", "zh-Hant", "ja", "ko"}) {
    const Json* face = languages.Object(language);
    if (face == nullptr) continue;
    KeyReader keys(*face);
    profile.language_faces[language] = {.family = keys.Text("family", 128),
                                        .file = profile.font.file,
                                        .face_index = keys.Integer("face_index", 0, 255)};
    GLYPH_RETURN_IF_ERROR(keys.Finish());
  }
  return languages.Finish();
}

std::optional<FontStyle> ReadHanFont(KeyReader& keys, const FontStyle& font) {
  if (!keys.Has("han_font_family")) return std::nullopt;
  FontStyle han = font;
  han.family = keys.Text("han_font_family", 128);
  han.face_index = keys.Integer("han_font_face_index", 0, 255);
  return han;
}

void ReadGeometry(KeyReader& keys, RenderProfile& profile) {
  profile.dpi = keys.Integer("dpi", 36, 600, profile.dpi);
  profile.line_pitch_px = keys.Number("line_pitch_px", 4, 512);
  profile.baseline_px = keys.Integer("baseline_px", 0, 512);
  profile.margin_left_px = keys.Integer("margin_left_px", 0, kMaxSidePx);
  profile.margin_right_px = keys.Integer("margin_right_px", 0, kMaxSidePx);
  std::tie(profile.margin_top_min_px, profile.margin_top_max_px) =
      keys.Range("margin_top_px", 0, kMaxSidePx);
  profile.margin_bottom_px = keys.Integer("margin_bottom_px", 0, kMaxSidePx, 0);
  profile.to_grid =
      keys.Choice("to_grid", {"pad", "hf_resize"}) == 0 ? ToGrid::kPad : ToGrid::kHfResize;
  profile.crop_margin_px = keys.Integer("crop_margin_px", 1, 256, 0);
  profile.crop_last_page = keys.Choice("crop_last_page", {false, true}) == 1;
  profile.page_width_px = keys.Integer("page_width_px", kGridPx, kMaxSidePx);
  profile.page_height_multiple_px = keys.Integer("page_height_multiple", 1, kMaxSidePx);
  profile.page_height_min_px = keys.Integer("page_height_min_px", kGridPx, kMaxSidePx);
  profile.page_height_max_px = keys.Integer("page_height_max_px", kGridPx, kMaxSidePx);
  profile.max_lines = keys.Integer("max_lines", 1, kMaxSidePx, 0);
  constexpr WrapMode kWraps[] = {WrapMode::kSpaces, WrapMode::kUnicode, WrapMode::kUpstream};
  profile.wrap = kWraps[keys.Choice("wrap_mode", {"spaces", "unicode", "upstream"})];
  profile.newline_mark = keys.Choice("newline_mark", {false, true}) == 1;
  profile.auto_direction = keys.Choice("base_direction", {"ltr", "auto"}) == 1;
  profile.joiners =
      keys.Choice("joiners", {"boxes", "shaped"}) == 0 ? Joiners::kBoxes : Joiners::kShaped;
  profile.heights = keys.Choice("page_heights", {"equal", "content"}) == 0 ? PageHeights::kEqual
                                                                           : PageHeights::kContent;
}

// Keys that say how every page of this renderer looks; another value is refused.
void ReadFixed(KeyReader& keys) {
  keys.Choice("font_style", {"Regular"});
  keys.Choice("antialias", {"gray"});
  keys.Choice("hint_style", {"none"});
  keys.Choice("foreground", {"#000000"});
  keys.Choice("background", {"#ffffff"});
  keys.Choice("tab", {"4 spaces"});
  for (const char* note : {"name", "profile_fingerprint", "wrap", "characters", "glyph_compositing",
                           "prompt_read", "prompt_find", "notes"}) {
    keys.Ignore(note);
  }
}

absl::StatusOr<TextStyles> ReadStyles(const Json& object, FontStyle& font) {
  KeyReader keys(object);
  TextStyles styles;
  styles.heading_rows_before = keys.Integer("heading_rows_before", 0, 8);
  styles.list_indent_px = keys.Integer("list_indent_px", 0, 256);
  styles.quote_indent_px = keys.Integer("quote_indent_px", 0, 256);
  styles.code_cell_px = keys.Integer("code_cell_px", 0, 128);
  styles.table_column_max_px = keys.Integer("table_column_max_px", 0, kMaxSidePx);
  styles.table_gap_px = keys.Integer("table_gap_px", 0, 256);
  if (keys.Has("heading_font_file")) {
    font.heading = {.family = font.family,
                    .file = keys.Text("heading_font_file", 128),
                    .face_index = font.face_index};
  }
  GLYPH_RETURN_IF_ERROR(keys.Finish());
  return styles;
}

// What only makes sense together.
absl::Status CheckModes(const RenderProfile& profile, bool has_styles) {
  const bool is_upstream = profile.wrap == WrapMode::kUpstream;
  if (profile.font.subpixel && !is_upstream) {
    return Invalid("\"subpixel_positioning\" needs the \"wrap_mode\" \"upstream\"");
  }
  if (profile.han_font && !is_upstream) {
    return Invalid("\"han_font_family\" needs the \"wrap_mode\" \"upstream\"");
  }
  if (!profile.language_faces.empty() && is_upstream) {
    return Invalid("\"language_faces\" cannot go with the \"wrap_mode\" \"upstream\"");
  }
  if (!profile.font.fallback.empty() && is_upstream) {
    return Invalid("\"fallback_fonts\" cannot go with the \"wrap_mode\" \"upstream\"");
  }
  if (profile.newline_mark && !is_upstream) {
    return Invalid("\"newline_mark\" needs the \"wrap_mode\" \"upstream\"");
  }
  if (profile.auto_direction && profile.wrap != WrapMode::kUnicode) {
    return Invalid("the \"base_direction\" \"auto\" needs the \"wrap_mode\" \"unicode\"");
  }
  if (profile.joiners == Joiners::kShaped && is_upstream) {
    return Invalid("the \"joiners\" \"shaped\" cannot go with the \"wrap_mode\" \"upstream\"");
  }
  if (has_styles && is_upstream) {
    return Invalid("\"styles\" cannot go with the \"wrap_mode\" \"upstream\"");
  }
  if (profile.crop_margin_px > 0 && profile.to_grid == ToGrid::kPad) {
    return Invalid("\"crop_margin_px\" needs the \"to_grid\" \"hf_resize\"");
  }
  if (profile.crop_last_page && profile.to_grid != ToGrid::kPad) {
    return Invalid("\"crop_last_page\" needs the \"to_grid\" \"pad\"");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckGeometry(const RenderProfile& profile) {
  for (const auto& [key, value] :
       {std::pair{"page_height_multiple", profile.page_height_multiple_px},
        {"page_height_min_px", profile.page_height_min_px},
        {"page_height_max_px", profile.page_height_max_px}}) {
    const int grid = profile.to_grid == ToGrid::kPad ? kGridPx : 1;
    const int unit =
        std::string_view(key) == "page_height_multiple" ? grid : profile.page_height_multiple_px;
    if (value % unit != 0) {
      return Invalid(absl::StrCat("\"", key, "\" is ", value, "; it must be a multiple of ", unit));
    }
  }
  if (profile.page_height_min_px > profile.page_height_max_px) {
    return Invalid("\"page_height_min_px\" must not exceed \"page_height_max_px\"");
  }
  if (profile.padded_width_px() * int64_t{profile.page_height_max_px} > kMaxPagePixels) {
    return Invalid(absl::StrCat("\"page_height_max_px\" makes pages of more than the limit of ",
                                kMaxPagePixels, " px"));
  }
  if (profile.text_width_px() < profile.font.size_px) {
    return Invalid(
        "\"margin_left_px\" and \"margin_right_px\" leave no room for a character of "
        "\"font_size_px\" in \"page_width_px\"");
  }
  if (profile.LinesPerPage() < 1) {
    return Invalid(
        "\"margin_top_px\" and \"margin_bottom_px\" leave no room for a line of \"line_pitch_px\" "
        "in \"page_height_max_px\"");
  }
  return absl::OkStatus();
}

absl::StatusOr<RenderProfile> ParseRenderProfile(std::string_view json) {
  absl::StatusOr<Json> object =
      base::ParseJson(json, {.max_bytes = kMaxProfileBytes, .max_depth = 4});
  if (!object.ok()) return Invalid(object.status().message());
  if (!object->is_object()) return Invalid("it must be a JSON object");
  KeyReader keys(*object);
  RenderProfile profile;
  ReadFont(keys, profile.font);
  profile.han_font = ReadHanFont(keys, profile.font);
  ReadGeometry(keys, profile);
  ReadFixed(keys);
  const Json* styles = keys.Object("styles");
  const Json* fallback = keys.List("fallback_fonts");
  const Json* languages = keys.Object("language_faces");
  GLYPH_RETURN_IF_ERROR(keys.Finish());
  if (fallback != nullptr) {
    GLYPH_ASSIGN_OR_RETURN(profile.font.fallback, ReadFallback(*fallback));
  }
  if (languages != nullptr) GLYPH_RETURN_IF_ERROR(ReadLanguageFaces(*languages, profile));
  GLYPH_RETURN_IF_ERROR(CheckModes(profile, styles != nullptr));
  GLYPH_RETURN_IF_ERROR(CheckGeometry(profile));
  if (styles != nullptr) {
    GLYPH_ASSIGN_OR_RETURN(profile.styles, ReadStyles(*styles, profile.font));
  }
  return profile;
}

}  // namespace glyph::render
