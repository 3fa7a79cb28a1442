#include "render_service/fonts/text_shaper.h"

#include <fontconfig/fontconfig.h>
#include <hb.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-font.h>
#include <pango/pangofc-fontmap.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "render_service/fonts/hex_box_size.h"

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

// One paragraph, never wrapped by Pango, from one face only.
GPtr<PangoLayout> MakeLayout(PangoContext* context, const PangoFontDescription* description,
                             const std::string& features) {
  GPtr<PangoLayout> layout(pango_layout_new(context));
  pango_layout_set_font_description(layout.get(), description);
  PangoAttrList* attributes = pango_attr_list_new();
  pango_attr_list_insert(attributes, pango_attr_font_features_new(features.c_str()));
  pango_attr_list_insert(attributes, pango_attr_fallback_new(FALSE));
  pango_layout_set_attributes(layout.get(), attributes);
  pango_attr_list_unref(attributes);
  pango_layout_set_auto_dir(layout.get(), FALSE);
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  return layout;
}

// Whether `font` is face `style.face_index` of family `style.family`.
bool IsTheFace(PangoFont* font, const FontStyle& style) {
  if (font == nullptr || !PANGO_IS_FC_FONT(font)) return false;
  FcPattern* pattern = pango_fc_font_get_pattern(PANGO_FC_FONT(font));
  int index = -1;
  FcChar8* family = nullptr;
  FcPatternGetInteger(pattern, FC_INDEX, 0, &index);
  FcPatternGetString(pattern, FC_FAMILY, 0, &family);
  return index == style.face_index && family != nullptr &&
         style.family == reinterpret_cast<const char*>(family);
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

// Appends the glyphs of one cluster to `out`, hex boxes in the place of those the font lacks, so
// that nothing vanishes. Returns the advance.
int32_t AppendGlyphs(const PangoGlyphInfo* glyphs, int count, const DisplayCharacter& first,
                     const AdvanceScale& scale, ShapedText& out) {
  const size_t before = out.glyphs.size();
  int32_t pen = 0;
  for (int i = 0; i < count && !first.is_box; ++i) {
    const PangoGlyphInfo& info = glyphs[i];
    if ((info.glyph & PANGO_GLYPH_UNKNOWN_FLAG) != 0) {
      const uint32_t code_point = info.glyph & ~PANGO_GLYPH_UNKNOWN_FLAG;
      out.glyphs.push_back({.id = code_point, .x = pen, .is_box = true});
      pen += scale.FromPixels(HexBoxAdvance(code_point));
      continue;
    }
    if (info.glyph != PANGO_GLYPH_EMPTY) {
      out.glyphs.push_back({.id = info.glyph,
                            .x = pen + scale.FromPango(info.geometry.x_offset),
                            .y = ToPixels(info.geometry.y_offset)});
    }
    pen += scale.FromPango(info.geometry.width);
  }
  if (out.glyphs.size() == before && (first.is_box || !IsWhiteSpace(first.code_point))) {
    out.glyphs.push_back({.id = first.code_point, .is_box = true});
    return scale.FromPixels(HexBoxAdvance(first.code_point));
  }
  return pen;
}

// Appends the clusters of one run in visual order.
void AppendRun(const PangoGlyphItem& run, const DisplayText& text, const AdvanceScale& scale,
               ShapedText& out) {
  const PangoGlyphString& string = *run.glyphs;
  const auto run_begin = static_cast<uint32_t>(run.item->offset);
  for (int i = 0; i < string.num_glyphs;) {
    int end = i + 1;
    while (end < string.num_glyphs && string.log_clusters[end] == string.log_clusters[i]) ++end;
    const uint32_t offset = run_begin + static_cast<uint32_t>(string.log_clusters[i]);
    const auto it = std::lower_bound(
        text.characters.begin(), text.characters.end(), offset,
        [](const DisplayCharacter& c, uint32_t begin) { return c.utf8_begin < begin; });
    ShapedCluster cluster;
    cluster.first_character = static_cast<uint32_t>(it - text.characters.begin());
    cluster.first_glyph = static_cast<uint32_t>(out.glyphs.size());
    cluster.advance = AppendGlyphs(string.glyphs + i, end - i, *it, scale, out);
    cluster.end_glyph = static_cast<uint32_t>(out.glyphs.size());
    cluster.bidi_level = run.item->analysis.level;
    out.clusters.push_back(cluster);
    i = end;
  }
}

}  // namespace

struct TextShaper::PangoState {
  GPtr<PangoFontMap> font_map;
  GPtr<PangoContext> context;
  GPtr<PangoLayout> layout;
  GPtr<PangoFont> font;
  AdvanceScale scale;
};

TextShaper::TextShaper(std::unique_ptr<PangoState> state) : state_(std::move(state)) {}
TextShaper::~TextShaper() = default;

absl::StatusOr<std::unique_ptr<TextShaper>> TextShaper::Create(const FontFile& file,
                                                               const FontStyle& style) {
  auto state = std::make_unique<PangoState>();
  state->font_map.reset(pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT));
  pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(state->font_map.get()), file.config.get());
  state->context = MakeContext(state->font_map.get(), style.subpixel);
  PangoFontDescription* description = pango_font_description_new();
  pango_font_description_set_family(description, style.family.c_str());
  pango_font_description_set_absolute_size(description, style.size_px * PANGO_SCALE);
  state->font.reset(pango_context_load_font(state->context.get(), description));
  state->layout = MakeLayout(state->context.get(), description, style.features);
  pango_font_description_free(description);
  if (!IsTheFace(state->font.get(), style)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the font file has no face ", style.face_index, " of the family \"", style.family, "\""));
  }
  if (style.subpixel) {
    hb_face_t* face = hb_font_get_face(pango_font_get_hb_font(state->font.get()));
    state->scale.units_per_px = hb_face_get_upem(face) / style.size_px;
  }
  return std::unique_ptr<TextShaper>(new TextShaper(std::move(state)));
}

int32_t TextShaper::missing_advance() const {
  return state_->scale.FromPango(
      hb_font_get_glyph_h_advance(pango_font_get_hb_font(state_->font.get()), 0));
}

double TextShaper::units_per_px() const { return state_->scale.units_per_px; }

cairo_scaled_font_t* TextShaper::scaled_font() const {
  return pango_cairo_font_get_scaled_font(PANGO_CAIRO_FONT(state_->font.get()));
}

void TextShaper::Shape(const DisplayText& text, ShapedText& out) {
  out.clusters.clear();
  out.glyphs.clear();
  if (text.characters.empty()) return;
  PangoLayout* layout = state_->layout.get();
  pango_layout_set_text(layout, text.utf8.data(), static_cast<int>(text.utf8.size()));
  const PangoLayoutLine* line = pango_layout_get_line_readonly(layout, 0);
  for (const GSList* run = line->runs; run != nullptr; run = run->next) {
    AppendRun(*static_cast<const PangoGlyphItem*>(run->data), text, state_->scale, out);
  }
  std::stable_sort(out.clusters.begin(), out.clusters.end(),
                   [](const ShapedCluster& a, const ShapedCluster& b) {
                     return a.first_character < b.first_character;
                   });
  int num_attributes = 0;
  const PangoLogAttr* attributes = pango_layout_get_log_attrs_readonly(layout, &num_attributes);
  for (size_t i = 0; i < out.clusters.size(); ++i) {
    ShapedCluster& cluster = out.clusters[i];
    const DisplayCharacter& first = text.characters[cluster.first_character];
    cluster.end_character = i + 1 < out.clusters.size()
                                ? out.clusters[i + 1].first_character
                                : static_cast<uint32_t>(text.characters.size());
    cluster.can_break_before = attributes[cluster.first_character].is_line_break != 0;
    const bool is_alone = cluster.end_character - cluster.first_character == 1;
    cluster.is_space = is_alone && first.code_point == ' ';
    cluster.is_white = is_alone && !first.is_box && IsWhiteSpace(first.code_point);
  }
}

}  // namespace glyph::render
