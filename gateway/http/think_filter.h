#pragma once
#include <string>
#include <string_view>

namespace glyph::gateway {

// What a model thinks and what it says.
struct ThinkSplit {
  std::string reasoning;
  std::string content;
};

// Takes "<think>...</think><answer>...</answer>" apart while it comes, without the tags and the
// white space next to them. Tags count only where they belong: opening ones at the start, or, for
// <answer>, after </think>; text that does not start with one passes unchanged. What may become a
// tag is held back. Whole UTF-8 characters in, whole characters out. Not thread-safe.
class ThinkFilter {
 public:
  // What became certain with `text`.
  ThinkSplit Feed(std::string_view text);
  // No more text comes: the rest.
  ThinkSplit Finish();

 private:
  enum class Stage { kStart, kReasoning, kAfterThink, kAnswer, kAfterAnswer, kPlain };

  // Looks for an opening tag; false when more text is needed to tell.
  bool Open();
  // Moves text to `out` up to `tag`; false when the tag has not come.
  bool TakeUntil(std::string_view tag, std::string& out);

  Stage stage_ = Stage::kStart;
  bool trims_ = false;  // white space comes first in this stage, and goes
  std::string held_;
};

}  // namespace glyph::gateway
