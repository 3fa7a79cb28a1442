#include "render_service/layout/render_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

nlohmann::json Nano() {
  return {{"font_family", "Noto Sans CJK SC"},
          {"font_file", "NotoSansCJK-Regular.ttc"},
          {"font_face_index", 2},
          {"font_size_px", 14},
          {"font_features", "kern=0"},
          {"line_pitch_px", 20},
          {"baseline_px", 15},
          {"margin_left_px", 32},
          {"margin_right_px", 24},
          {"margin_top_px", {14, 20}},
          {"page_width_px", 532},
          {"page_height_multiple", 28},
          {"page_height_min_px", 56},
          {"page_height_max_px", 280}};
}

TEST(RenderProfileTest, ReadsItsKeys) {
  nlohmann::json json = Nano();
  json["max_lines"] = 12;
  json["margin_bottom_px"] = 3;
  json["wrap_mode"] = "unicode";
  json["page_heights"] = "content";
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_EQ(profile.font.family, "Noto Sans CJK SC");
  EXPECT_EQ(profile.font.file, "NotoSansCJK-Regular.ttc");
  EXPECT_EQ(profile.font.face_index, 2);
  EXPECT_EQ(profile.font.size_px, 14);
  EXPECT_EQ(profile.font.features, "kern=0");
  EXPECT_EQ(profile.line_pitch_px, 20);
  EXPECT_EQ(profile.baseline_px, 15);
  EXPECT_EQ(profile.text_width_px(), 476);
  EXPECT_EQ(profile.margin_top_min_px, 14);
  EXPECT_EQ(profile.margin_top_max_px, 20);
  EXPECT_EQ(profile.margin_bottom_px, 3);
  EXPECT_EQ(profile.LinesPerPage(), 12);
  EXPECT_EQ(profile.wrap, WrapMode::kUnicode);
  EXPECT_EQ(profile.heights, PageHeights::kContent);
}

TEST(RenderProfileTest, HasDefaultsThatSuitNano) {
  const RenderProfile profile = ParseRenderProfile(Nano().dump()).value();
  EXPECT_EQ(profile.wrap, WrapMode::kSpaces);
  EXPECT_EQ(profile.heights, PageHeights::kEqual);
  EXPECT_EQ(profile.LinesPerPage(), 13);
}

TEST(RenderProfileTest, CropsTheLastPageOnTheGridOnly) {
  nlohmann::json json = Nano();
  const std::string plain = CanonicalText(ParseRenderProfile(json.dump()).value());
  json["crop_last_page"] = true;
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_TRUE(profile.crop_last_page);
  EXPECT_EQ(CanonicalText(profile), plain + "crop_last_page=true\n");
  json["crop_last_page"] = false;
  EXPECT_EQ(CanonicalText(ParseRenderProfile(json.dump()).value()), plain);
  json["crop_last_page"] = true;
  json["to_grid"] = "hf_resize";
  EXPECT_EQ(rpc::GetErrorDetails(ParseRenderProfile(json.dump()).status()).reason,
            "PROFILE_INVALID");
}

TEST(RenderProfileTest, PadsTheWidthToTheGrid) {
  nlohmann::json json = Nano();
  json["page_width_px"] = 1024;
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_EQ(profile.padded_width_px(), 1036);
  EXPECT_EQ(profile.text_width_px(), 968);
}

TEST(RenderProfileTest, RoundsLinesOfAFractionalPitchToWholePixels) {
  nlohmann::json json = Nano();
  json["line_pitch_px"] = 19.6;
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_EQ(profile.LineTop(0), 14);
  EXPECT_EQ(profile.LineTop(1), 34);   // 33.6
  EXPECT_EQ(profile.LineTop(2), 53);   // 53.2
  EXPECT_EQ(profile.LineTop(5), 112);  // exact
}

TEST(RenderProfileTest, HashesEveryValueThatChangesPages) {
  const std::string nano = CanonicalText(ParseRenderProfile(Nano().dump()).value());
  const nlohmann::json changes = {
      {"font_family", "Other"},    {"font_face_index", 3},      {"font_size_px", 14.5},
      {"font_features", "liga=0"}, {"line_pitch_px", 19.5},     {"baseline_px", 16},
      {"margin_left_px", 31},      {"margin_right_px", 25},     {"margin_top_px", {15, 20}},
      {"margin_bottom_px", 1},     {"page_width_px", 533},      {"page_height_multiple", 56},
      {"page_height_min_px", 84},  {"page_height_max_px", 308}, {"max_lines", 12},
      {"wrap_mode", "unicode"},    {"page_heights", "content"}, {"joiners", "shaped"}};
  for (const auto& [key, value] : changes.items()) {
    nlohmann::json json = Nano();
    json[key] = value;
    if (key == "page_height_multiple") json["page_height_max_px"] = 280;
    const auto profile = ParseRenderProfile(json.dump());
    ASSERT_TRUE(profile.ok()) << key << ": " << profile.status();
    EXPECT_NE(CanonicalText(*profile), nano) << key;
  }
}

nlohmann::json Styles() {
  return {{"heading_rows_before", 1}, {"list_indent_px", 28},       {"quote_indent_px", 14},
          {"code_cell_px", 9},        {"table_column_max_px", 200}, {"table_gap_px", 7}};
}

TEST(RenderProfileTest, ReadsAndHashesStylesWhereTheyAre) {
  nlohmann::json json = Nano();
  EXPECT_FALSE(ParseRenderProfile(json.dump())->styles);
  json["styles"] = Styles();
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_EQ(profile.styles->heading_rows_before, 1);
  EXPECT_EQ(profile.styles->list_indent_px, 28);
  EXPECT_EQ(profile.styles->quote_indent_px, 14);
  EXPECT_EQ(profile.styles->code_cell_px, 9);
  EXPECT_EQ(profile.styles->table_column_max_px, 200);
  EXPECT_EQ(profile.styles->table_gap_px, 7);
  EXPECT_NE(CanonicalText(profile), CanonicalText(ParseRenderProfile(Nano().dump()).value()));
  for (const char* key : {"heading_rows_before", "list_indent_px", "quote_indent_px",
                          "code_cell_px", "table_column_max_px", "table_gap_px"}) {
    json["styles"] = Styles();
    json["styles"][key] = 0;
    EXPECT_NE(CanonicalText(ParseRenderProfile(json.dump()).value()), CanonicalText(profile))
        << key;
  }
}

TEST(RenderProfileTest, ReadsAndHashesTheHeadingFace) {
  nlohmann::json json = Nano();
  json["styles"] = Styles();
  const RenderProfile without = ParseRenderProfile(json.dump()).value();
  EXPECT_FALSE(without.font.heading);
  json["styles"]["heading_font_file"] = "Bold.ttc";
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  EXPECT_EQ(profile.font.heading->file, "Bold.ttc");
  EXPECT_EQ(profile.font.heading->family, profile.font.family);
  EXPECT_EQ(profile.font.heading->face_index, profile.font.face_index);
  EXPECT_NE(CanonicalText(profile), CanonicalText(without));
  json["styles"]["heading_font_file"] = "";
  EXPECT_THAT(std::string(ParseRenderProfile(json.dump()).status().message()),
              testing::HasSubstr("heading_font_file"));
}

TEST(RenderProfileTest, NamesTheKeyOfAStyleThatIsWrong) {
  for (const char* key : {"heading_rows_before", "list_indent_px", "quote_indent_px",
                          "code_cell_px", "table_column_max_px", "table_gap_px"}) {
    for (const nlohmann::json& value : {nlohmann::json(-1), nlohmann::json(16385),
                                        nlohmann::json("1"), nlohmann::json(nullptr)}) {
      nlohmann::json json = Nano();
      json["styles"] = Styles();
      json["styles"][key] = value;
      if (value.is_null()) json["styles"].erase(key);
      const auto profile = ParseRenderProfile(json.dump());
      EXPECT_EQ(rpc::GetErrorDetails(profile.status()).reason, "PROFILE_INVALID");
      EXPECT_NE(std::string(profile.status().message()).find(key), std::string::npos);
    }
  }
  nlohmann::json json = Nano();
  json["styles"] = 1;
  EXPECT_FALSE(ParseRenderProfile(json.dump()).ok());
  json["styles"] = Styles();
  json["styles"]["weight"] = "bold";
  EXPECT_FALSE(ParseRenderProfile(json.dump()).ok());
}

TEST(RenderProfileTest, DoesNotHashNotes) {
  nlohmann::json json = Nano();
  json["name"] = "other";
  json["profile_fingerprint"] = "00";
  json["wrap"] = "greedy at spaces";
  json["dpi"] = 72;
  EXPECT_EQ(CanonicalText(ParseRenderProfile(json.dump()).value()),
            CanonicalText(ParseRenderProfile(Nano().dump()).value()));
}

TEST(RenderProfileTest, NamesTheKeyThatIsWrong) {
  struct Row {
    const char* key;
    nlohmann::json value;  // discarded: the key is left out
  };
  const nlohmann::json left_out(nlohmann::json::value_t::discarded);
  const Row rows[] = {{"font_family", left_out},
                      {"font_family", ""},
                      {"font_family", 5},
                      {"font_family", std::string(129, 'x')},
                      {"font_file", left_out},
                      {"font_face_index", -1},
                      {"font_size_px", 0},
                      {"font_size_px", 3.99},
                      {"font_size_px", 128.01},
                      {"font_size_px", 1e9},
                      {"font_size_px", "14"},
                      {"line_pitch_px", 0},
                      {"line_pitch_px", left_out},
                      {"baseline_px", 1.5},
                      {"margin_left_px", -1},
                      {"margin_left_px", 600},
                      {"margin_top_px", {20, 14}},
                      {"margin_top_px", {1, 2, 3}},
                      {"margin_top_px", 300},
                      {"page_width_px", 0},
                      {"page_width_px", 27},
                      {"page_width_px", 16385},
                      {"page_width_px", -1},
                      {"page_width_px", 2147483648},
                      {"page_height_max_px", 16385},
                      {"page_height_max_px", 281},
                      {"page_height_max_px", 28},
                      {"page_height_min_px", 57},
                      {"page_height_multiple", 29},
                      {"max_lines", 0},
                      {"wrap_mode", "letters"},
                      {"page_heights", 1},
                      {"to_grid", "stretch"},
                      {"page_height_multiple", 1},
                      {"subpixel_positioning", true},
                      {"newline_mark", true},
                      {"round_glyph_positions", false},
                      {"crop_margin_px", 10},
                      {"antialias", "subpixel"},
                      {"foreground", "#ff0000"},
                      {"tab", "8 spaces"},
                      {"hight", 3}};
  for (const Row& row : rows) {
    nlohmann::json json = Nano();
    if (row.value.is_discarded()) {
      json.erase(row.key);
    } else {
      json[row.key] = row.value;
    }
    const auto profile = ParseRenderProfile(json.dump());
    ASSERT_FALSE(profile.ok()) << row.key << " = " << row.value;
    EXPECT_EQ(profile.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(rpc::GetErrorDetails(profile.status()).reason, "PROFILE_INVALID");
    const std::string quoted = nlohmann::json(row.key).dump();
    EXPECT_NE(std::string(profile.status().message()).find(quoted), std::string::npos)
        << profile.status();
  }
}

TEST(RenderProfileTest, TakesTheDirectionFromTheTextOnlyWhereWhiteSpaceHangs) {
  nlohmann::json json = Nano();
  EXPECT_FALSE(ParseRenderProfile(json.dump())->auto_direction);
  json["base_direction"] = "auto";
  EXPECT_EQ(rpc::GetErrorDetails(ParseRenderProfile(json.dump()).status()).reason,
            "PROFILE_INVALID");
  json["wrap_mode"] = "unicode";
  EXPECT_TRUE(ParseRenderProfile(json.dump())->auto_direction);
  EXPECT_THAT(CanonicalText(ParseRenderProfile(json.dump()).value()),
              testing::HasSubstr("\nbase_direction=auto\n"));
  json["base_direction"] = "rtl";
  EXPECT_FALSE(ParseRenderProfile(json.dump()).ok());
}

nlohmann::json Faces(size_t count) {
  return nlohmann::json(count,
                        {{"family", "Symbola"}, {"file", "Symbola_hint.ttf"}, {"face_index", 3}});
}

TEST(RenderProfileTest, ReadsAndHashesFallbackFonts) {
  nlohmann::json json = Nano();
  json["fallback_fonts"] = nlohmann::json::array();
  EXPECT_EQ(CanonicalText(ParseRenderProfile(json.dump()).value()),
            CanonicalText(ParseRenderProfile(Nano().dump()).value()));
  json["fallback_fonts"] = Faces(kMaxFallbacks);
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  ASSERT_EQ(profile.font.fallback.size(), kMaxFallbacks);
  EXPECT_EQ(profile.font.fallback[1].family, "Symbola");
  EXPECT_EQ(profile.font.fallback[1].file, "Symbola_hint.ttf");
  EXPECT_EQ(profile.font.fallback[1].face_index, 3);
  EXPECT_THAT(CanonicalText(profile), testing::HasSubstr("\nfallback_font=3 Symbola\n"));
}

TEST(RenderProfileTest, RefusesWrongFallbackFonts) {
  nlohmann::json other_key = Faces(1);
  other_key[0]["size"] = 1;
  nlohmann::json no_file = Faces(1);
  no_file[0].erase("file");
  for (const nlohmann::json& faces : {Faces(kMaxFallbacks + 1), other_key, no_file,
                                      nlohmann::json("Symbola"), nlohmann::json(1, "Symbola")}) {
    nlohmann::json json = Nano();
    json["fallback_fonts"] = faces;
    EXPECT_EQ(rpc::GetErrorDetails(ParseRenderProfile(json.dump()).status()).reason,
              "PROFILE_INVALID")
        << faces;
  }
}

TEST(RenderProfileTest, ReadsLanguageFacesWithoutHashingThem) {
  nlohmann::json json = Nano();
  json["language_faces"]["ja"] = {{"family", "Noto Sans CJK JP"}, {"face_index", 0}};
  const RenderProfile profile = ParseRenderProfile(json.dump()).value();
  ASSERT_EQ(profile.language_faces.size(), 1u);
  EXPECT_EQ(profile.language_faces.at("ja").family, "Noto Sans CJK JP");
  EXPECT_EQ(CanonicalText(profile), CanonicalText(ParseRenderProfile(Nano().dump()).value()));
  for (const char* wrong :
       {R"({"fr": {"family": "F", "face_index": 0}})", R"({"ja": 1})", "[]",
        R"({"ja": {"family": "F"}})", R"({"ja": {"family": "F", "face_index": 0, "file": "f"}})"}) {
    json["language_faces"] = nlohmann::json::parse(wrong);
    EXPECT_EQ(rpc::GetErrorDetails(ParseRenderProfile(json.dump()).status()).reason,
              "PROFILE_INVALID")
        << wrong;
  }
}

nlohmann::json Upstream() {
  nlohmann::json json = Nano();
  json.update({{"wrap_mode", "upstream"},
               {"to_grid", "hf_resize"},
               {"subpixel_positioning", true},
               {"crop_margin_px", 10},
               {"page_width_px", 595},
               {"page_height_multiple", 1},
               {"page_height_min_px", 842},
               {"page_height_max_px", 842},
               {"han_font_family", "Noto Sans Mono CJK SC"},
               {"han_font_face_index", 7}});
  return json;
}

TEST(RenderProfileTest, ReadsAndHashesWhatUpstreamNeeds) {
  const RenderProfile profile = ParseRenderProfile(Upstream().dump()).value();
  EXPECT_EQ(profile.wrap, WrapMode::kUpstream);
  EXPECT_EQ(profile.to_grid, ToGrid::kHfResize);
  EXPECT_TRUE(profile.font.subpixel);
  EXPECT_EQ(profile.crop_margin_px, 10);
  EXPECT_EQ(profile.padded_width_px(), 596);
  ASSERT_TRUE(profile.han_font.has_value());
  EXPECT_EQ(profile.han_font->family, "Noto Sans Mono CJK SC");
  EXPECT_EQ(profile.han_font->face_index, 7);
  EXPECT_EQ(profile.han_font->size_px, 14);
  EXPECT_TRUE(profile.han_font->subpixel);
  EXPECT_THAT(CanonicalText(profile),
              testing::AllOf(testing::HasSubstr("\nwrap_mode=upstream\n"),
                             testing::HasSubstr("\nround_glyph_positions=false\n"),
                             testing::HasSubstr("\nto_grid=hf_resize\ncrop_margin_px=10\n"
                                                "han_font_family=Noto Sans Mono CJK SC\n"
                                                "han_font_face_index=7\n")));
}

TEST(RenderProfileTest, RefusesUpstreamsKeysApart) {
  for (const auto& [key, value] : {std::pair{"wrap_mode", "spaces"}, {"to_grid", "pad"}}) {
    nlohmann::json json = Upstream();
    json[key] = value;
    EXPECT_FALSE(ParseRenderProfile(json.dump()).ok()) << key;
  }
  nlohmann::json with_fallback = Upstream();
  with_fallback["fallback_fonts"] = Faces(1);
  EXPECT_FALSE(ParseRenderProfile(with_fallback.dump()).ok());
  nlohmann::json with_styles = Upstream();
  with_styles["styles"] = nlohmann::json::object();
  EXPECT_NE(std::string(ParseRenderProfile(with_styles.dump()).status().message()).find("styles"),
            std::string::npos);
}

TEST(RenderProfileTest, RefusesWhatIsNotAnObject) {
  for (const std::string json : {"", "[]", "3", "{", "{\"font_size_px\":NaN}", "{} x",
                                 "{\"font_size_px\":1e400}", "{\"dpi\":1,\"dpi\":2}"}) {
    EXPECT_EQ(rpc::GetErrorDetails(ParseRenderProfile(json).status()).reason, "PROFILE_INVALID")
        << json;
  }
}

TEST(RenderProfileTest, TakesJsonOfSixtyFourKibibytes) {
  const std::string json = Nano().dump();
  EXPECT_TRUE(ParseRenderProfile(json + std::string((64 << 10) - json.size(), ' ')).ok());
  EXPECT_FALSE(ParseRenderProfile(json + std::string((64 << 10) - json.size() + 1, ' ')).ok());
}

TEST(RenderProfileTest, LimitsThePixelsOfAPage) {
  nlohmann::json json = Nano();
  json["page_width_px"] = 1024;
  json["page_height_max_px"] = 16184;  // 1036 x 16184 is just within 16,777,216
  EXPECT_TRUE(ParseRenderProfile(json.dump()).ok());
  json["page_height_max_px"] = 16212;
  EXPECT_FALSE(ParseRenderProfile(json.dump()).ok());
}

}  // namespace
}  // namespace glyph::render
