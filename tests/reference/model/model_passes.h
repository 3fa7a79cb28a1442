#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/model/executor_parts.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/text_decoder.h"
#include "vlm_service/model/vision_encoder.h"
#include "vlm_service/model/vision_runner.h"

namespace glyph::vlm {

// The model of an executor, run pass by pass for one sequence at a time, so that what lies between
// its layers can be read. Errors inside are torch's exceptions. Not thread-safe.
class ModelPasses {
 public:
  // Told of a row of logits, in order.
  using OnLogits = std::function<void(int64_t row, std::span<const float> logits)>;

  // `options` hold the pages and as many KV tokens as there will be decode rows times tokens.
  static absl::StatusOr<std::unique_ptr<ModelPasses>> Create(const std::string& model_dir,
                                                             const ModelConfig& config,
                                                             const ExecutorOptions& options);

  // Options::max_chunk_tokens for passes of so many rows, all of which get logits.
  static int64_t ChunkTokens(const TextConfig& config, int64_t rows);

  // Encodes a page; its outputs are held under `page`.
  void Encode(PageId page, const std::shared_ptr<const PageImage>& image, const PageGrid& grid);
  // Output rows of an encoded page of `num_tokens`: [rows, hidden].
  std::vector<float> PageOutput(PageId page, int64_t num_tokens, std::span<const int32_t> rows);
  // [blocks + 1, patches, width]: what the first block reads and what each block writes.
  std::vector<float> PageHidden(const PageImage& image, const PageGrid& grid,
                                std::span<const int32_t> patches);

  // Rows of a whole sequence: [layers + 2, rows, hidden], the embedding, what each layer writes,
  // and that after the last norm.
  std::vector<float> Hidden(const PrefillChunk& chunk, std::span<const int32_t> rows);
  // The logits after the last `wanted` tokens of a whole sequence, read as one chunk.
  void PrefillLogits(const PrefillChunk& chunk, int64_t wanted, const OnLogits& on_logits);
  // The same by decode steps of `batch` rows. PrefillLogits of the same tokens came before.
  void DecodeLogits(const PrefillChunk& chunk, int64_t wanted, int64_t batch,
                    const OnLogits& on_logits);

  const ModelConfig& config() const { return config_; }

 private:
  using OnHidden = std::function<void(const at::Tensor& hidden)>;

  ModelPasses(const ModelConfig& config, ExecutorParts parts, std::unique_ptr<ModelWeights> weights,
              at::ScalarType type);

  // The chunk through the first `num_layers`; `use` sees the last `wanted` rows.
  void Run(const PrefillChunk& chunk, int64_t num_layers, int64_t wanted, const OnHidden& use);
  // The logits of `hidden`, whose first row is number `first`.
  void ReadLogits(const at::Tensor& hidden, int64_t first, const OnLogits& on_logits);
  // Appends rows of a tensor to `values`. The rows live in the arena.
  void AppendRows(const at::Tensor& tensor, std::span<const int32_t> rows,
                  std::vector<float>& values);

  const ModelConfig config_;
  TextConfig text_;  // of the next pass: its num_layers change
  ExecutorParts parts_;
  Ops& ops_;
  ActivationArena& arena_;
  const std::unique_ptr<ModelWeights> weights_;
  KvStorage kv_;  // token t of the sequence is in row t
  VisionRunner vision_;
  ImagePreprocessor preprocessor_;
  VisionEncoder encoder_;
  ActivationArena page_memory_;
  TextDecoder decoder_;
};

}  // namespace glyph::vlm
