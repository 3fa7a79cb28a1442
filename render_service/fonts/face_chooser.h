#pragma once
#include <cstdint>
#include <vector>

#include "render_service/text/display_text.h"

typedef struct hb_font_t hb_font_t;  // NOLINT: HarfBuzz's own name

namespace glyph::render {

// A stretch of a DisplayText in one face, up to the next one.
struct FaceRun {
  uint32_t utf8_begin = 0;
  uint32_t face = 0;
};

// Says which of several faces shows which characters: characters that are drawn as one, a base with
// its marks, go to the first face that has all of them, or that has the base if none does, or else
// to the first face. What a face has is asked of it alone, so the choice depends on nothing of the
// machine. Not thread-safe.
class FaceChooser {
 public:
  // `faces`, at least one, outlive the chooser.
  explicit FaceChooser(std::vector<hb_font_t*> faces) : faces_(std::move(faces)) {}

  // Replaces `runs` by those of `text`; neighbours have different faces.
  void Choose(const DisplayText& text, std::vector<FaceRun>& runs) const;

 private:
  // Of characters [begin, end) of `text`.
  uint32_t FaceFor(const DisplayText& text, size_t begin, size_t end) const;

  std::vector<hb_font_t*> faces_;
};

}  // namespace glyph::render
