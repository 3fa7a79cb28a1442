#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "render_service/fonts/glyph_table.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

struct ShapingUnit {
  uint32_t begin = 0;  // characters of a DisplayText, half-open
  uint32_t end = 0;
  bool is_plain = false;  // has plain characters only
};

// Cuts text into units that look alone as they do in the text: a unit begins after a space, or at
// an ideograph after a plain character, so neither kerning nor joining nor a mark crosses into it,
// and what script its characters take is told from the unit. Rests on plain characters having one
// glyph in any neighbourhood, and on text in a fallback face being shaped by itself, because spaces
// are the style's own (fonts/face_chooser.h). Not thread-safe.
class ShapingUnits {
 public:
  // `glyphs` outlives the units.
  explicit ShapingUnits(GlyphTable& glyphs) : glyphs_(glyphs) {}

  // Replaces `units` by those of `text`, without gaps. false: the text cannot be cut.
  bool Cut(const DisplayText& text, std::vector<ShapingUnit>& units);

  // Whether a character of `text` goes from right to left; of what Cut has seen last.
  bool has_rtl() const { return has_rtl_; }

 private:
  enum Trait : uint16_t {
    kKnown = 1,
    kPlain = 2,
    kIdeograph = 4,   // plain, and an ideograph to line breaking
    kAnyScript = 8,   // plain or a hex box: the same under any script
    kBegins = 16,     // stands apart from a space before it
    kHasScript = 32,  // not common to scripts and not that of the character before
    kOpens = 64,      // a pair; Pango gives the closing one the script of this
    kCloses = 128,
    kRtl = 256,      // by its direction
    kNoUnits = 512,  // depends on more than words
    // Of a script that goes from right to left. HarfBuzz turns a run of such a script around if it
    // has digits and no letters, so what has no letter before it depends on the digits around.
    kRtlLetter = 1024,
    kRtlOther = 2048,
  };
  // What is known of a unit from its begin up to some character.
  struct State {
    bool is_plain = true;
    bool has_begun = false;
    bool has_script = false;      // of the characters that come next and have none of their own
    bool has_rtl_letter = false;  // in the run of one script at the end
    bool depends_on_left = false;
    bool depends_on_digits = false;
    uint32_t open_pairs = 0;
  };

  uint16_t TraitsOf(const DisplayCharacter& character);
  uint16_t Learn(char32_t code_point);
  bool CanBeginAt(const DisplayText& text, size_t i) const;
  // Goes on over characters [begin, end) of traits_.
  State Continue(State state, size_t begin, size_t end) const;

  GlyphTable& glyphs_;
  std::vector<uint16_t> basic_ = std::vector<uint16_t>(1 << 16);  // by code point; 0: not known
  std::vector<uint16_t> traits_;                                  // of the text, while it is cut
  std::vector<State> states_;                                     // of the units, at their ends
  bool has_rtl_ = false;
};

}  // namespace glyph::render
