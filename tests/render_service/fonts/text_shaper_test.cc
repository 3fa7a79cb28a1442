#include "render_service/fonts/text_shaper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "render_service/fonts/hex_box_size.h"

namespace glyph::render {
namespace {

using ::testing::ElementsAre;

const FontStyle kStyle = {"Noto Sans CJK SC", "NotoSansCJK-Regular.ttc", 2, 14,
                          "kern=0,liga=0,clig=0,calt=0,dlig=0,ccmp=0,locl=0"};

class TextShaperTest : public ::testing::Test {
 protected:
  ShapedText Shape(std::string_view source) {
    FillDisplayText(source, 0, source.size(), 1000, Joiners::kShaped, text_);
    ShapedText shaped;
    shaper_->Shape(text_, {}, shaped);
    return shaped;
  }

  std::shared_ptr<const FontLibrary> library_ =
      FontLibrary::Create("/usr/share/fonts", {kStyle.file}).value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*library_->Find(kStyle.file), kStyle).value();
  DisplayText text_;
};

std::vector<int> Advances(const ShapedText& shaped) {
  std::vector<int> advances;
  for (const ShapedCluster& cluster : shaped.clusters) advances.push_back(cluster.advance);
  return advances;
}

TEST_F(TextShaperTest, GivesWholePixelAdvances) {
  EXPECT_THAT(Advances(Shape("il \xE4\xB8\xAD")), ElementsAre(4, 4, 3, 14));
}

TEST_F(TextShaperTest, ShapesALetterTheSameInEveryNeighbourhood) {
  const ShapedText alone = Shape("V");
  const ShapedText pair = Shape("AV1fi");
  EXPECT_EQ(pair.glyphs[1].id, alone.glyphs[0].id);
  EXPECT_EQ(pair.clusters[1].advance, alone.clusters[0].advance);
  EXPECT_EQ(pair.clusters.size(), 5u);
}

TEST_F(TextShaperTest, KeepsAMarkWithItsBase) {
  const ShapedText shaped = Shape("ae\xCC\x81z");
  ASSERT_EQ(shaped.clusters.size(), 3u);
  EXPECT_EQ(shaped.clusters[1].first_character, 1u);
  EXPECT_EQ(shaped.clusters[1].end_character, 3u);
}

TEST_F(TextShaperTest, PutsAHexBoxInThePlaceOfAControlCharacter) {
  const ShapedText shaped = Shape("a\x01z");
  ASSERT_EQ(shaped.glyphs.size(), 3u);
  EXPECT_TRUE(shaped.glyphs[1].is_box);
  EXPECT_EQ(shaped.glyphs[1].id, 1u);
  EXPECT_EQ(shaped.clusters[1].advance, HexBoxAdvance(1));
}

TEST_F(TextShaperTest, PutsAHexBoxInThePlaceOfAMissingGlyph) {
  const ShapedText shaped = Shape("\xF0\x9F\x98\x80");
  ASSERT_EQ(shaped.glyphs.size(), 1u);
  EXPECT_TRUE(shaped.glyphs[0].is_box);
  EXPECT_EQ(shaped.glyphs[0].id, 0x1F600u);
  EXPECT_EQ(shaped.clusters[0].advance, HexBoxAdvance(0x1F600));
}

TEST_F(TextShaperTest, KeepsLogicalOrderAndTellsTheDirection) {
  const ShapedText shaped = Shape("a\xD7\x90\xD7\x91z");
  ASSERT_EQ(shaped.clusters.size(), 4u);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(shaped.clusters[i].first_character, i);
  EXPECT_EQ(shaped.clusters[0].bidi_level, 0);
  EXPECT_EQ(shaped.clusters[1].bidi_level, 1);
  EXPECT_EQ(shaped.glyphs[shaped.clusters[1].first_glyph].id, 0x5D0u);
}

TEST_F(TextShaperTest, TellsWhereALineMayBegin) {
  const ShapedText shaped = Shape("a b\xE4\xB8\xAD\xE6\x96\x87\xE3\x80\x82");
  std::vector<bool> breaks;
  for (const ShapedCluster& cluster : shaped.clusters) breaks.push_back(cluster.can_break_before);
  EXPECT_THAT(breaks, ElementsAre(false, false, true, true, true, false));
}

TEST_F(TextShaperTest, TellsSpacesFromOtherWhiteSpace) {
  const ShapedText shaped = Shape("a \xC2\xA0\xE3\x80\x80");
  EXPECT_FALSE(shaped.clusters[0].is_white);
  EXPECT_TRUE(shaped.clusters[1].is_space && shaped.clusters[1].is_white);
  EXPECT_TRUE(!shaped.clusters[2].is_space && shaped.clusters[2].is_white);
  EXPECT_TRUE(!shaped.clusters[3].is_space && shaped.clusters[3].is_white);
}

TEST_F(TextShaperTest, ForgetsTheTextBefore) {
  Shape("something");
  EXPECT_TRUE(Shape("").clusters.empty());
  EXPECT_EQ(Shape("x").clusters.size(), 1u);
}

// A shaper with faces for Devanagari, twice, Hebrew and emoji.
class FallbackTest : public ::testing::Test {
 protected:
  // The faces of the glyphs of `source` in logical order; 99: a hex box.
  std::vector<uint32_t> Faces(std::string_view source, const ParagraphStyle& paragraph = {}) {
    DisplayText text;
    FillDisplayText(source, 0, source.size(), 1000, Joiners::kShaped, text);
    ShapedText shaped;
    shaper_->Shape(text, paragraph, shaped);
    std::vector<uint32_t> faces;
    for (const ShapedCluster& cluster : shaped.clusters) {
      for (uint32_t i = cluster.first_glyph; i < cluster.end_glyph; ++i) {
        faces.push_back(shaped.glyphs[i].is_box ? 99 : FaceOf(shaped.glyphs[i].id));
      }
    }
    return faces;
  }

  static FontStyle Style() {
    FontStyle style = kStyle;
    style.fallback = {{"Noto Sans Devanagari", "NotoSansDevanagari-Regular.ttf", 0},
                      {"Noto Sans Devanagari", "NotoSansDevanagari-Regular.ttf", 0},
                      {"Noto Sans Hebrew", "NotoSansHebrew-Regular.ttf", 0},
                      {"Symbola", "Symbola_hint.ttf", 0}};
    return style;
  }

  std::shared_ptr<const FontLibrary> library_ =
      FontLibrary::Create("/usr/share/fonts", {kStyle.file, "NotoSansDevanagari-Regular.ttf",
                                               "NotoSansHebrew-Regular.ttf", "Symbola_hint.ttf"})
          .value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*library_->Find(kStyle.file), Style()).value();
};

TEST_F(FallbackTest, TakesTheFirstFaceThatHasACharacter) {
  EXPECT_THAT(Faces("a\u05E9\u4E2D\U0001F600\u0915z"), ElementsAre(0, 3, 0, 4, 1, 0));
}

TEST_F(FallbackTest, KeepsABaseAndItsMarksInOneFace) {
  EXPECT_THAT(Faces("\u05E9\u05C1"), testing::Each(3u));
  // The first face has the letter, another one the letter and its mark.
  EXPECT_THAT(Faces("a\u20E3"), ElementsAre(4, 4));
  // None has both: the face of the letter.
  EXPECT_THAT(Faces("\u05E9\u093C"), ElementsAre(3, 99));
}

TEST_F(FallbackTest, TakesAMarkThatComposesForOneOfTheFirstFace) {
  EXPECT_THAT(Faces("e\u0301"), testing::Each(0u));
}

TEST_F(FallbackTest, FormsConjuncts) {
  EXPECT_EQ(Faces("\u0915\u094D\u0937"), std::vector<uint32_t>(1, 1));
}

TEST_F(FallbackTest, ShowsWhatNoFaceHasAsAHexBox) {
  EXPECT_THAT(Faces("a\u0E01\u0915"), ElementsAre(0, 99, 1));
}

TEST_F(FallbackTest, RefusesAFaceTheFileDoesNotHave) {
  for (const FontFace& face : {FontFace{"Noto Sans Hebrew", "NotoSansHebrew-Regular.ttf", 1},
                               FontFace{"Noto Sans Hebrew", "Symbola_hint.ttf", 0},
                               FontFace{"Noto Sans Thai", "NotoSansThai-Regular.ttf", 0}}) {
    FontStyle style = kStyle;
    style.fallback = {face};
    const auto shaper = TextShaper::Create(*library_->Find(kStyle.file), style);
    EXPECT_EQ(shaper.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(std::string(shaper.status().message()).find(face.file), std::string::npos);
  }
}

TEST_F(FallbackTest, SetsHeadingsInTheirFace) {
  FontStyle style = Style();
  style.heading = {"Noto Sans CJK SC", "NotoSansCJK-Bold.ttc", 2};
  const auto library = FontLibrary::Create(
      "/usr/share/fonts", {style.file, style.heading->file, "NotoSansDevanagari-Regular.ttf",
                           "NotoSansHebrew-Regular.ttf", "Symbola_hint.ttf"});
  shaper_ = TextShaper::Create(*(*library)->Find(style.file), style).value();
  EXPECT_THAT(Faces("a\u0915\u4E2D", {.is_heading = true}), ElementsAre(5, 1, 5));
  EXPECT_THAT(Faces("a\u0915\u4E2D"), ElementsAre(0, 1, 0));
  EXPECT_EQ(shaper_->num_faces(), 6u);
  style.heading->file = style.file;  // has no bold face
  EXPECT_EQ(TextShaper::Create(*(*library)->Find(style.file), style).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(TextShaperTest, RefusesAFaceTheFileDoesNotHave) {
  for (const auto& [family, index] : {std::pair{"Noto Sans CJK SC", 3}, {"DejaVu Sans", 2}}) {
    FontStyle style = kStyle;
    style.family = family;
    style.face_index = index;
    EXPECT_EQ(TextShaper::Create(*library_->Find(kStyle.file), style).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace glyph::render
