#include "vlm_service/tools/generation_request.h"

#include <utility>

#include "proto/rpc/error.h"
#include "vlm_service/prompt/page_grid.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {

absl::StatusOr<GenerationRequest> MakeRequest(const std::vector<std::string>& page_files,
                                              const std::string& text, const ModelConfig& config,
                                              std::shared_ptr<const Tokenizer> tokenizer) {
  GenerationRequest request;
  std::vector<PageGrid> grids;
  for (const std::string& file : page_files) {
    GLYPH_ASSIGN_OR_RETURN(PageImage image, ReadPng(file));
    GLYPH_ASSIGN_OR_RETURN(PageGrid grid,
                           PageGridOf(image.origin, image.width, image.height, config.pages));
    grids.push_back(grid);
    request.pages.push_back(std::make_shared<const PageImage>(std::move(image)));
  }
  std::vector<PromptPiece> pieces;
  if (!grids.empty()) {
    pieces.emplace_back(std::move(grids));
  }
  pieces.emplace_back(text);
  GLYPH_ASSIGN_OR_RETURN(const auto builder, PromptBuilder::Create(std::move(tokenizer)));
  request.prompt = std::make_shared<const Prompt>(builder->Build(pieces));
  request.sampling.repetition_penalty = config.generation.repetition_penalty.value_or(1.0f);
  request.stop_tokens = config.stop_token_ids;
  return request;
}

}  // namespace glyph::vlm
