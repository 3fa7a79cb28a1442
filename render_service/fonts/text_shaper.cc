#include "render_service/fonts/text_shaper.h"

#include <fontconfig/fontconfig.h>
#include <hb.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-font.h>
#include <pango/pangofc-fontmap.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "render_service/fonts/cairo_mutex.h"
#include "render_service/fonts/face_chooser.h"
#include "render_service/fonts/hex_box_size.h"
#include "render_service/text/joiners.h"

namespace glyph::render {
namespace {

struct GObjectUnref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using GPtr = std::unique_ptr<T, GObjectUnref>;

GPtr<PangoContext> MakeContext(PangoFontMap* font_map, bool subpixel) {
  GPtr<PangoContext> context(pango_font_map_create_context(font_map));
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options,
                                      subpixel ? CAIRO_HINT_METRICS_OFF : CAIRO_HINT_METRICS_ON);
  pango_cairo_context_set_font_options(context.get(), options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context.get(), subpixel ? FALSE : TRUE);
  pango_context_set_language(context.get(), pango_language_from_string("en"));
  pango_context_set_base_dir(context.get(), PANGO_DIRECTION_LTR);
  return context;
}

// Loads `face` in `context`; null if the fonts of its map have no such face.
GPtr<PangoFont> LoadFace(PangoContext* context, const FontFace& face, PangoWeight weight,
                         double size_px) {
  PangoFontDescription* description = pango_font_description_new();
  pango_font_description_set_family(description, face.family.c_str());
  pango_font_description_set_weight(description, weight);
  pango_font_description_set_absolute_size(description, size_px * PANGO_SCALE);
  GPtr<PangoFont> font(pango_context_load_font(context, description));
  pango_font_description_free(description);
  if (font == nullptr || !PANGO_IS_FC_FONT(font.get())) return nullptr;
  FcPattern* pattern = pango_fc_font_get_pattern(PANGO_FC_FONT(font.get()));
  int index = -1;
  FcChar8* family = nullptr;
  FcChar8* path = nullptr;
  FcPatternGetInteger(pattern, FC_INDEX, 0, &index);
  FcPatternGetString(pattern, FC_FAMILY, 0, &family);
  FcPatternGetString(pattern, FC_FILE, 0, &path);
  const bool is_the_face =
      index == face.face_index && family != nullptr && path != nullptr &&
      face.family == reinterpret_cast<const char*>(family) &&
      absl::EndsWith(reinterpret_cast<const char*>(path), absl::StrCat("/", face.file));
  return is_the_face ? std::move(font) : nullptr;
}

int16_t ToPixels(int pango_units) { return static_cast<int16_t>(PANGO_PIXELS(pango_units)); }

// Pango's lengths as advances are counted: whole px, or font units, of which Pango's are fractions.
struct AdvanceScale {
  int32_t FromPango(int pango_units) const {
    return units_per_px == 1
               ? PANGO_PIXELS(pango_units)
               : static_cast<int32_t>(std::lround(pango_units * units_per_px / PANGO_SCALE));
  }
  int32_t FromPixels(int px) const { return static_cast<int32_t>(std::lround(px * units_per_px)); }

  double units_per_px = 1;
};

bool LeavesNoInk(char32_t code_point) { return IsWhiteSpace(code_point) || IsJoiner(code_point); }

// Appends the glyphs of one cluster to `out`, hex boxes in the place of those the font lacks, so
// that nothing vanishes. Returns the advance.
int32_t AppendGlyphs(const PangoGlyphInfo* glyphs, int count, const DisplayCharacter& first,
                     uint32_t face, const AdvanceScale& scale, ShapedText& out) {
  const size_t before = out.glyphs.size();
  int32_t pen = 0;
  for (int i = 0; i < count && !first.is_box; ++i) {
    const PangoGlyphInfo& info = glyphs[i];
    if ((info.glyph & PANGO_GLYPH_UNKNOWN_FLAG) != 0) {
      const uint32_t code_point = info.glyph & ~PANGO_GLYPH_UNKNOWN_FLAG;
      if (IsJoiner(code_point)) continue;  // its neighbours show what it did
      out.glyphs.push_back({.id = code_point, .x = pen, .is_box = true});
      pen += scale.FromPixels(HexBoxAdvance(code_point));
      continue;
    }
    if (info.glyph != PANGO_GLYPH_EMPTY) {
      out.glyphs.push_back({.id = WithFace(info.glyph, face),
                            .x = pen + scale.FromPango(info.geometry.x_offset),
                            .y = ToPixels(info.geometry.y_offset)});
    }
    pen += scale.FromPango(info.geometry.width);
  }
  if (out.glyphs.size() == before && (first.is_box || !LeavesNoInk(first.code_point))) {
    out.glyphs.push_back({.id = first.code_point, .is_box = true});
    return scale.FromPixels(HexBoxAdvance(first.code_point));
  }
  return pen;
}

// Appends the clusters of `item`, shaped as `string` in `face`, in visual order.
void AppendItem(const PangoItem& item, const PangoGlyphString& string, uint32_t face,
                const DisplayText& text, const AdvanceScale& scale, ShapedText& out) {
  for (int i = 0; i < string.num_glyphs;) {
    int end = i + 1;
    while (end < string.num_glyphs && string.log_clusters[end] == string.log_clusters[i]) ++end;
    const auto offset = static_cast<uint32_t>(item.offset + string.log_clusters[i]);
    const auto it = std::lower_bound(
        text.characters.begin(), text.characters.end(), offset,
        [](const DisplayCharacter& c, uint32_t begin) { return c.utf8_begin < begin; });
    ShapedCluster cluster;
    cluster.first_character = static_cast<uint32_t>(it - text.characters.begin());
    cluster.first_glyph = static_cast<uint32_t>(out.glyphs.size());
    cluster.advance = AppendGlyphs(string.glyphs + i, end - i, *it, face, scale, out);
    cluster.end_glyph = static_cast<uint32_t>(out.glyphs.size());
    cluster.bidi_level = item.analysis.level;
    out.clusters.push_back(cluster);
    i = end;
  }
}

// Sorts the clusters and tells of each where it ends, what it is and whether a line may begin at
// it.
void FinishClusters(const DisplayText& text, const std::vector<PangoLogAttr>& attributes,
                    std::vector<ShapedCluster>& clusters) {
  std::stable_sort(clusters.begin(), clusters.end(),
                   [](const ShapedCluster& a, const ShapedCluster& b) {
                     return a.first_character < b.first_character;
                   });
  for (size_t i = 0; i < clusters.size(); ++i) {
    ShapedCluster& cluster = clusters[i];
    const DisplayCharacter& first = text.characters[cluster.first_character];
    cluster.end_character = i + 1 < clusters.size() ? clusters[i + 1].first_character
                                                    : static_cast<uint32_t>(text.characters.size());
    cluster.can_break_before = attributes[cluster.first_character].is_line_break != 0;
    const bool is_alone = cluster.end_character - cluster.first_character == 1;
    cluster.is_space = is_alone && first.code_point == ' ';
    cluster.is_white = is_alone && !first.is_box && IsWhiteSpace(first.code_point);
  }
}

}  // namespace

struct TextShaper::PangoState {
  // FAILED_PRECONDITION when a file holds no such face.
  absl::Status Load(const FontFace& face, PangoWeight weight, double size_px);
  // Fills `runs`; returns the face that stands first.
  uint32_t ChooseFaces(const DisplayText& text, bool is_heading);
  // The items of `text`, each of one face of `runs`; `own` has the style's features.
  GList* Itemize(const DisplayText& text, bool is_rtl, uint32_t own) const;

  GPtr<PangoFontMap> font_map;
  GPtr<PangoContext> context;
  std::vector<GPtr<PangoFont>> faces;
  std::optional<FaceChooser> chooser;
  std::optional<FaceChooser> heading_chooser;  // the last face stands first
  std::string features;
  PangoShapeFlags flags = PANGO_SHAPE_NONE;
  AdvanceScale scale;

  // Of the text being shaped; members, so that their memory is reused.
  std::vector<FaceRun> runs;
  std::vector<PangoLogAttr> log_attributes;
};

absl::Status TextShaper::PangoState::Load(const FontFace& face, PangoWeight weight,
                                          double size_px) {
  GPtr<PangoFont> font = LoadFace(context.get(), face, weight, size_px);
  if (font == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("the font file ", face.file, " has no face ",
                                                      face.face_index, " of the family \"",
                                                      face.family, "\""));
  }
  faces.push_back(std::move(font));
  return absl::OkStatus();
}

uint32_t TextShaper::PangoState::ChooseFaces(const DisplayText& text, bool is_heading) {
  if (!is_heading || !heading_chooser) {
    chooser->Choose(text, runs);
    return 0;
  }
  heading_chooser->Choose(text, runs);
  const auto own = static_cast<uint32_t>(faces.size() - 1);
  for (FaceRun& run : runs) run.face = run.face == 0 ? own : run.face;
  return own;
}

GList* TextShaper::PangoState::Itemize(const DisplayText& text, bool is_rtl, uint32_t own) const {
  PangoAttrList* attributes = pango_attr_list_new();
  for (size_t i = 0; i < runs.size(); ++i) {
    // Pango begins an item where an attribute does.
    PangoAttribute* attribute = runs[i].face == own ? pango_attr_font_features_new(features.c_str())
                                                    : pango_attr_fallback_new(FALSE);
    attribute->start_index = runs[i].utf8_begin;
    if (i + 1 < runs.size()) attribute->end_index = runs[i + 1].utf8_begin;
    pango_attr_list_insert(attributes, attribute);
  }
  pango_attr_list_insert(attributes, pango_attr_fallback_new(FALSE));
  GList* items = pango_itemize_with_base_dir(
      context.get(), is_rtl ? PANGO_DIRECTION_RTL : PANGO_DIRECTION_LTR, text.utf8.data(), 0,
      static_cast<int>(text.utf8.size()), attributes, nullptr);
  pango_attr_list_unref(attributes);
  return items;
}

TextShaper::TextShaper(std::unique_ptr<PangoState> state) : state_(std::move(state)) {}
TextShaper::~TextShaper() {
  base::MutexLock lock(CairoMutex());
  state_.reset();
}

absl::StatusOr<std::unique_ptr<TextShaper>> TextShaper::Create(const FontFile& file,
                                                               const FontStyle& style) {
  base::MutexLock lock(CairoMutex());
  auto state = std::make_unique<PangoState>();
  state->font_map.reset(pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT));
  pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(state->font_map.get()), file.config.get());
  state->context = MakeContext(state->font_map.get(), style.subpixel);
  state->features = style.features;
  state->flags = style.subpixel ? PANGO_SHAPE_NONE : PANGO_SHAPE_ROUND_POSITIONS;
  std::vector<FontFace> faces = {{style.family, style.file, style.face_index}};
  faces.insert(faces.end(), style.fallback.begin(), style.fallback.end());
  for (const FontFace& face : faces) {
    absl::Status status = state->Load(face, PANGO_WEIGHT_NORMAL, style.size_px);
    if (!status.ok()) return status;
  }
  std::vector<hb_font_t*> hb_fonts;
  for (const auto& face : state->faces) hb_fonts.push_back(pango_font_get_hb_font(face.get()));
  if (style.subpixel) {
    state->scale.units_per_px = hb_face_get_upem(hb_font_get_face(hb_fonts[0])) / style.size_px;
  }
  state->chooser.emplace(hb_fonts);
  if (style.heading) {
    absl::Status status = state->Load(*style.heading, PANGO_WEIGHT_BOLD, style.size_px);
    if (!status.ok()) return status;
    hb_fonts[0] = pango_font_get_hb_font(state->faces.back().get());
    state->heading_chooser.emplace(std::move(hb_fonts));
  }
  // The first hex box of a font asks Cairo for the boxes' size, and Shape does not lock.
  for (const auto& face : state->faces) {
    PangoRectangle ink;
    pango_font_get_glyph_extents(face.get(), PANGO_GET_UNKNOWN_GLYPH(0xFFFF), &ink, nullptr);
  }
  return std::unique_ptr<TextShaper>(new TextShaper(std::move(state)));
}

int32_t TextShaper::missing_advance() const {
  return state_->scale.FromPango(
      hb_font_get_glyph_h_advance(pango_font_get_hb_font(state_->faces[0].get()), 0));
}

uint32_t TextShaper::num_faces() const { return static_cast<uint32_t>(state_->faces.size()); }

double TextShaper::units_per_px() const { return state_->scale.units_per_px; }

cairo_scaled_font_t* TextShaper::scaled_font(uint32_t face) const {
  return pango_cairo_font_get_scaled_font(PANGO_CAIRO_FONT(state_->faces[face].get()));
}

void TextShaper::Shape(const DisplayText& text, const ParagraphStyle& paragraph, ShapedText& out) {
  out.clusters.clear();
  out.glyphs.clear();
  if (text.characters.empty()) return;
  PangoState& state = *state_;
  const char* const utf8 = text.utf8.data();
  const auto num_bytes = static_cast<int>(text.utf8.size());
  const uint32_t own = state.ChooseFaces(text, paragraph.is_heading);
  state.log_attributes.assign(text.characters.size() + 1, {});
  pango_default_break(utf8, num_bytes, nullptr, state.log_attributes.data(),
                      static_cast<int>(state.log_attributes.size()));
  GList* const items = state.Itemize(text, paragraph.is_rtl, own);
  PangoGlyphString* const glyphs = pango_glyph_string_new();
  size_t run = 0;
  int character = 0;
  for (const GList* node = items; node != nullptr; node = node->next) {
    PangoItem* const item = static_cast<PangoItem*>(node->data);
    while (run + 1 < state.runs.size() &&
           state.runs[run + 1].utf8_begin <= static_cast<uint32_t>(item->offset)) {
      ++run;
    }
    const uint32_t face = state.runs[run].face;
    g_set_object(&item->analysis.font, state.faces[face].get());
    pango_tailor_break(utf8 + item->offset, item->length, &item->analysis, item->offset,
                       state.log_attributes.data() + character, item->num_chars + 1);
    // A hyphenation point at the end becomes a hyphen, as in Pango's own lines.
    if (node->next == nullptr && state.log_attributes.back().break_inserts_hyphen != 0) {
      item->analysis.flags |= PANGO_ANALYSIS_FLAG_NEED_HYPHEN;
    }
    pango_shape_item(item, utf8, num_bytes, state.log_attributes.data() + character, glyphs,
                     state.flags);
    AppendItem(*item, *glyphs, face, text, state.scale, out);
    character += item->num_chars;
  }
  pango_glyph_string_free(glyphs);
  g_list_free_full(items, [](gpointer item) { pango_item_free(static_cast<PangoItem*>(item)); });
  FinishClusters(text, state.log_attributes, out.clusters);
}

}  // namespace glyph::render
