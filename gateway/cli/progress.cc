#include "gateway/cli/progress.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace glyph::gateway::cli {

std::string DescribeUsage(const v1::Usage& usage) {
  std::string text =
      absl::StrCat(usage.pages(), " pages drawn and encoded, ", usage.output_tokens(), " tokens");
  if (usage.output_tokens() > 1 && usage.decode_ms() > 0) {
    const double decoded = static_cast<double>(usage.output_tokens() - 1);
    absl::StrAppendFormat(&text, ", %.1f tokens/s", decoded / usage.decode_ms() * 1000);
  }
  if (usage.visual_tokens() > 0 && usage.characters() > 0) {
    absl::StrAppendFormat(
        &text, ", %.2f characters per visual token",
        static_cast<double>(usage.characters()) / static_cast<double>(usage.visual_tokens()));
  }
  absl::StrAppendFormat(&text, ", first token after %.2f s, %.2f s in all",
                        usage.first_token_ms() / 1000, usage.total_ms() / 1000);
  return text;
}

void Progress::Show(const v1::AskResponse& event) {
  if (mode_ == Mode::kOff) return;
  if (event.has_plan()) {
    plan_ = event.plan();
    ShowPages();
  } else if (event.has_page()) {
    ++(event.page().stage() == v1::PAGE_STAGE_DRAWN ? num_drawn_ : num_encoded_);
    if (mode_ == Mode::kTerminal && !has_text_) ShowPages();
  } else if (event.has_delta() && !has_text_) {
    has_text_ = true;
    mode_ == Mode::kTerminal ? Clear() : ShowPages();
  } else if (event.has_finished()) {
    ShowFinished(event.finished().usage());
  }
}

void Progress::ShowPages() {
  Print(absl::StrCat("pages: ", num_drawn_, " drawn, ", num_encoded_, " encoded, at most ",
                     plan_.max_pages()));
}

void Progress::ShowFinished(const v1::Usage& usage) {
  const std::string line = DescribeUsage(usage);
  if (mode_ == Mode::kLines) return Print(line);
  if (!has_text_) Clear();
  std::fprintf(out_, color_ ? "\n\033[2m%s\033[0m\n" : "\n%s\n", line.c_str());
}

void Progress::Print(const std::string& line) {
  if (mode_ == Mode::kTerminal) {
    std::fprintf(out_, "\r\033[K%s", line.c_str());
  } else {
    std::fprintf(out_, "%s\n", line.c_str());
  }
  std::fflush(out_);
}

void Progress::Clear() {
  std::fprintf(out_, "\r\033[K");
  std::fflush(out_);
}

}  // namespace glyph::gateway::cli
