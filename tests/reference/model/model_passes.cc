#include "tests/reference/model/model_passes.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "proto/rpc/error.h"
#include "tests/reference/model/device_values.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kLogitRows = 64;  // at once

// One of the memories for pages, the other is the runner's.
ActivationArena TakePageMemory(std::vector<at::Tensor>& memory, at::ScalarType type) {
  if (memory.empty()) return ActivationArena(type);
  const at::Tensor taken = memory.back();
  memory.pop_back();
  return ActivationArena(taken);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelPasses>> ModelPasses::Create(const std::string& model_dir,
                                                                 const ModelConfig& config,
                                                                 const ExecutorOptions& options) {
  const at::ScalarType type = ScalarTypeOf(options.dtype);
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<Weights> file, Weights::Open(model_dir));
  GLYPH_ASSIGN_OR_RETURN(ExecutorParts parts,
                         options.device == ModelDevice::kCuda
                             ? MakeCudaParts(config, options, file->num_parameters())
                             : MakeCpuParts(config, options));
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<ModelWeights> weights,
                         ModelWeights::Load(std::move(file), config, type, *parts.ops));
  return std::unique_ptr<ModelPasses>(
      new ModelPasses(config, std::move(parts), std::move(weights), type));
}

ModelPasses::ModelPasses(const ModelConfig& config, ExecutorParts parts,
                         std::unique_ptr<ModelWeights> weights, at::ScalarType type)
    : config_(config),
      text_(config.text),
      parts_(std::move(parts)),
      ops_(*parts_.ops),
      arena_(*parts_.arena),
      weights_(std::move(weights)),
      kv_(config_.text, parts_.limits.num_blocks, parts_.limits.block_tokens, type, ops_),
      vision_(config_, weights_->vision(), parts_.limits, type, arena_, ops_,
              {parts_.page_memory.begin(),
               parts_.page_memory.begin() + (parts_.page_memory.empty() ? 0 : 1)}),
      preprocessor_(config_, type, ops_),
      encoder_(config_.vision, weights_->vision(), arena_, ops_),
      page_memory_(TakePageMemory(parts_.page_memory, type)),
      decoder_(text_, weights_->text(), kv_, arena_, type, ops_) {}

// Where a pass gets memory for its rows there is memory for three hidden states each, at least.
int64_t ModelPasses::ChunkTokens(const TextConfig& config, int64_t rows) {
  return rows + rows * (config.hidden_size + config.vocab_size) / (3 * config.hidden_size) + 256;
}

void ModelPasses::Encode(PageId page, const std::shared_ptr<const PageImage>& image,
                         const PageGrid& grid) {
  vision_.Run({.page = page,
               .image = image,
               .grid = grid,
               .first_unit = 0,
               .num_units = parts_.limits.VisionUnits(grid)});
  ops_.Synchronize();
}

std::vector<float> ModelPasses::PageOutput(PageId page, int64_t num_tokens,
                                           std::span<const int32_t> rows) {
  arena_.Reset();
  at::Tensor outputs = arena_.Take(num_tokens, config_.text.hidden_size, at::kFloat);
  vision_.Load(page, 0, outputs);
  std::vector<float> values;
  AppendRows(outputs, rows, values);
  return values;
}

std::vector<float> ModelPasses::PageHidden(const PageImage& image, const PageGrid& grid,
                                           std::span<const int32_t> patches) {
  arena_.Reset();
  page_memory_.Reset();
  PageEncoding page =
      encoder_.Begin(preprocessor_.Patches(image, grid, arena_), grid, page_memory_);
  std::vector<float> values;
  AppendRows(page.hidden, patches, values);
  const int64_t size = parts_.limits.vision_unit_tokens;
  for (int64_t layer = 0; layer < config_.vision.depth; ++layer) {
    for (int64_t first = 0; first < grid.num_tokens(); first += size) {
      encoder_.RunLayer(layer, {.first = first, .count = std::min(size, grid.num_tokens() - first)},
                        page);
    }
    AppendRows(page.hidden, patches, values);
  }
  return values;
}

std::vector<float> ModelPasses::Hidden(const PrefillChunk& chunk, std::span<const int32_t> rows) {
  const auto count = static_cast<int64_t>(chunk.ids.size());
  std::vector<float> values;
  for (int64_t layers = 0; layers <= config_.text.num_layers; ++layers) {
    Run(chunk, layers, count, [&](const at::Tensor& hidden) {
      AppendRows(hidden, rows, values);
      if (layers < config_.text.num_layers) return;
      at::Tensor normed = arena_.Take(count, config_.text.hidden_size);
      ops_.RmsNorm(normed, hidden, weights_->text().norm, config_.text.rms_norm_eps);
      AppendRows(normed, rows, values);
    });
  }
  return values;
}

void ModelPasses::PrefillLogits(const PrefillChunk& chunk, int64_t wanted,
                                const OnLogits& on_logits) {
  Run(chunk, config_.text.num_layers, wanted,
      [&](const at::Tensor& hidden) { ReadLogits(hidden, 0, on_logits); });
}

void ModelPasses::Run(const PrefillChunk& chunk, int64_t num_layers, int64_t wanted,
                      const OnHidden& use) {
  const auto count = static_cast<int64_t>(chunk.ids.size());
  std::vector<int32_t> cache_rows(chunk.ids.size());
  std::iota(cache_rows.begin(), cache_rows.end(), 0);
  const auto num_blocks = static_cast<size_t>(parts_.limits.BlocksFor(count));
  std::vector<int32_t> blocks(2 * num_blocks, 0);
  std::iota(blocks.begin(), blocks.begin() + static_cast<ptrdiff_t>(num_blocks), 0);
  arena_.Reset();
  at::Tensor hidden = arena_.Take(count, config_.text.hidden_size, at::kFloat);
  ops_.GatherRows(hidden, weights_->text().embedding, ops_.Stage(chunk.ids));
  for (const PageRows& page : chunk.pages) {
    at::Tensor rows = hidden.narrow(0, page.first_token, page.num_tokens);
    vision_.Load(page.page, page.first_row, rows);
  }
  text_.num_layers = num_layers;
  use(num_layers == 0 ? hidden.narrow(0, count - wanted, wanted)
                      : decoder_.Forward({.positions = ops_.Stage(chunk.positions).view({3, count}),
                                          .cache_rows = ops_.Stage(cache_rows),
                                          .num_wanted = wanted,
                                          .chunk = {.blocks = ops_.Stage(blocks), .first = 0}},
                                         hidden));
  ops_.Synchronize();
}

void ModelPasses::DecodeLogits(const PrefillChunk& chunk, int64_t wanted, int64_t batch,
                               const OnLogits& on_logits) {
  const auto total = static_cast<int64_t>(chunk.ids.size());
  const auto num_blocks = static_cast<int64_t>(parts_.limits.BlocksFor(total));
  text_.num_layers = config_.text.num_layers;
  for (int64_t begin = total - wanted; begin < total; begin += batch) {
    const int64_t count = std::min(batch, total - begin);
    std::vector<int32_t> cache_rows(count);
    std::iota(cache_rows.begin(), cache_rows.end(), static_cast<int32_t>(begin));
    std::vector<int32_t> lengths(count);
    std::iota(lengths.begin(), lengths.end(), static_cast<int32_t>(begin + 1));
    std::vector<int32_t> positions;
    for (int64_t axis = 0; axis < 3; ++axis) {
      std::copy_n(chunk.positions.begin() + axis * total + begin, count,
                  std::back_inserter(positions));
    }
    std::vector<int32_t> tables(count * num_blocks);
    for (int64_t i = 0; i < count * num_blocks; ++i) {
      tables[i] = static_cast<int32_t>(i % num_blocks);
    }
    arena_.Reset();
    at::Tensor hidden = arena_.Take(count, config_.text.hidden_size, at::kFloat);
    ops_.GatherRows(hidden, weights_->text().embedding,
                    ops_.Stage(std::span(chunk.ids).subspan(begin, count)));
    const at::Tensor wanted_rows =
        decoder_.Forward({.positions = ops_.Stage(positions).view({3, count}),
                          .cache_rows = ops_.Stage(cache_rows),
                          .num_wanted = count,
                          .sequences = {.tables = ops_.Stage(tables).view({count, num_blocks}),
                                        .lengths = ops_.Stage(lengths)}},
                         hidden);
    ReadLogits(wanted_rows, begin - (total - wanted), on_logits);
  }
}

void ModelPasses::ReadLogits(const at::Tensor& hidden, int64_t first, const OnLogits& on_logits) {
  const auto vocab = static_cast<size_t>(config_.text.vocab_size);
  for (int64_t row = 0; row < hidden.size(0); row += kLogitRows) {
    const int64_t count = std::min(kLogitRows, hidden.size(0) - row);
    const std::vector<float> values = ValuesOf(decoder_.Logits(hidden.narrow(0, row, count)), ops_);
    for (int64_t i = 0; i < count; ++i) {
      on_logits(first + row + i, std::span(values).subspan(i * vocab, vocab));
    }
  }
}

void ModelPasses::AppendRows(const at::Tensor& tensor, std::span<const int32_t> rows,
                             std::vector<float>& values) {
  at::Tensor gathered = arena_.Take(static_cast<int64_t>(rows.size()), tensor.size(1), at::kFloat);
  ops_.GatherRows(gathered, tensor, ops_.Stage(rows));
  const std::vector<float> read = ValuesOf(gathered, ops_);
  values.insert(values.end(), read.begin(), read.end());
}

}  // namespace glyph::vlm
