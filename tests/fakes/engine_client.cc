#include "tests/fakes/engine_client.h"

#include <utility>

#include "proto/base/check.h"
#include "vlm_service/prompt/prompt_stream.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kTokenPx = 28;

PageGrid GridOf(const PageImage& page) { return {page.height / kTokenPx, page.width / kTokenPx}; }

int64_t PromptBound(const EngineQuestion& question) {
  int64_t visual_tokens = 0;
  for (const auto& page : question.pages) visual_tokens += GridOf(*page).num_tokens();
  return PromptBuilder::MaxTokens(static_cast<int64_t>(question.text.size()),
                                  static_cast<int64_t>(question.pages.size()), visual_tokens);
}

}  // namespace

PageImage ReadRenderedPage(const std::string& png) {
  const auto rgb = ReadPng(png);
  GLYPH_CHECK(rgb.ok());
  PageImage page;
  page.width = rgb->width;
  page.height = rgb->height;
  page.pixels.resize(rgb->pixels.size() / 3);
  for (size_t i = 0; i < page.pixels.size(); ++i) page.pixels[i] = rgb->pixels[3 * i];
  return page;
}

void Ask(Engine& engine, const PromptBuilder& prompts, const std::string& request_id,
         const EngineQuestion& question, const std::shared_ptr<RecordingSink>& sink) {
  Request request;
  request.id = request_id;
  request.max_prompt_tokens = PromptBound(question);
  request.max_output_tokens = question.max_tokens;
  request.sampling = question.sampling;
  request.num_samples = question.num_samples;
  request.forced_output_ids = question.forced;
  request.sink = sink;
  const auto id = engine.Begin(std::move(request));
  GLYPH_CHECK(id.ok());
  PromptStream stream(prompts);
  for (size_t i = 0; i < question.pages.size(); ++i) {
    const PageImage& page = *question.pages[i];
    stream.AddPage(GridOf(page));
    engine.OfferPage(*id, HashPage({page.key, page.width, page.height, 1, false, ""}),
                     stream.Take());
    const std::optional<bool> have = sink->AwaitDecision(i);
    if (have.has_value() && !*have) engine.AddPage(*id, question.pages[i]);
  }
  stream.AddText(question.text);
  stream.Finish();
  engine.FinishPrompt(*id, stream.Take());
}

}  // namespace glyph::vlm
