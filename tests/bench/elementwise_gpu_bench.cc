// Measures the row-wise kernels in bfloat16 on the shapes of the 9B model: `elementwise_gpu_bench`
// prints a row for each. Percentages are of a copy measured in the same run; bytes are those a
// kernel must read and write. Large inputs come from memory, those of few rows from L2.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/bench/gpu_timer.h"
#include "vlm_service/kernels/activation.h"
#include "vlm_service/kernels/layer_norm.h"
#include "vlm_service/kernels/patches.h"
#include "vlm_service/kernels/position_embedding.h"
#include "vlm_service/kernels/rms_norm.h"
#include "vlm_service/kernels/rotary.h"
#include "vlm_service/kernels/rows.h"

namespace glyph::vlm::kernels {
namespace {

using bench::CheckCuda;

constexpr int64_t kBf16 = 2;
constexpr int64_t kHidden = 4096;
constexpr int64_t kMlp = 13696;
constexpr int64_t kVocabulary = 151552;
constexpr int64_t kVisionHidden = 1536;
constexpr int64_t kVisionMlp = 4096;
constexpr int64_t kPatches = 29600;  // of a page of 5600 x 1036 px
constexpr int64_t kTokens = 7400;
constexpr int32_t kGridRows = 400;
constexpr int32_t kGridCols = 74;
constexpr int64_t kFewRows = 64;
constexpr int kInner = 20;

// Device memory that operators take their tensors from, a piece for each launch.
class Pool {
 public:
  Pool() {
    std::mt19937 random(1);
    std::vector<uint16_t> values(1 << 23);
    for (uint16_t& value : values) value = static_cast<uint16_t>(0x3F00 + (random() & 0x80FF));
    CheckCuda(cudaMalloc(reinterpret_cast<void**>(&data_), kBytes));
    const auto chunk = static_cast<int64_t>(values.size()) * kBf16;
    for (int64_t at = 0; at < kBytes; at += chunk) {
      CheckCuda(cudaMemcpy(data_ + at, values.data(), static_cast<size_t>(chunk),
                           cudaMemcpyHostToDevice));
    }
  }

  // Piece i of `bytes`; pieces repeat when the pool is at its end.
  char* Piece(int i, int64_t bytes) const { return data_ + i % (kBytes / bytes) * bytes; }

 private:
  static constexpr int64_t kBytes = int64_t{6} << 30;
  char* data_ = nullptr;
};

template <typename T>
T* Upload(const std::vector<T>& values) {
  T* data = nullptr;
  CheckCuda(cudaMalloc(reinterpret_cast<void**>(&data), values.size() * sizeof(T)));
  CheckCuda(cudaMemcpy(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return data;
}

class Bench {
 public:
  Bench() {
    constexpr int64_t kCopied = int64_t{1} << 30;
    const double ms = bench::MedianMs(
        [&](int i, cudaStream_t stream) {
          char* piece = pool_.Piece(i, 2 * kCopied);
          CheckCuda(
              cudaMemcpyAsync(piece, piece + kCopied, kCopied, cudaMemcpyDeviceToDevice, stream));
        },
        3);
    copy_ = 2 * kCopied / ms * 1e-6;
    std::printf("copy: %.0f GB/s\n%-34s %10s %9s %6s\n", copy_, "kernel", "us", "GB/s", "copy");
  }

  void RunAll() {
    for (const int64_t rows : {int64_t{1}, kFewRows, kTokens, int64_t{32768}}) Text(rows);
    Vision();
  }

 private:
  // `launch` gets memory of `footprint` bytes of its own, of which it must move `bytes`.
  void Run(const std::string& name, int64_t rows, int64_t footprint, int64_t bytes,
           const std::function<cudaError_t(char*, cudaStream_t)>& launch) {
    const double ms = bench::MedianMs(
        [&](int i, cudaStream_t stream) {
          CheckCuda(launch(pool_.Piece(rows <= kFewRows ? 0 : i, footprint), stream));
        },
        kInner);
    const double speed = static_cast<double>(bytes) / ms * 1e-6;
    std::printf("%-34s %10.2f %9.0f", (name + " x " + std::to_string(rows)).c_str(), 1000 * ms,
                speed);
    if (rows > kFewRows) std::printf(" %5.1f%%", 100 * speed / copy_);
    std::printf("\n");
  }

  // Of rows of kHidden in float32, the residual.
  void TextNorms(int64_t rows) {
    const int64_t row = rows * kHidden * kBf16;
    Run("RmsNorm of float32 4096", rows, 3 * row, 3 * row, [&](char* memory, cudaStream_t stream) {
      return LaunchRmsNorm({.x_element = Element::kFloat32,
                            .x = memory,
                            .x_stride = kHidden,
                            .weight = weight_,
                            .out = memory + 2 * row,
                            .out_stride = kHidden,
                            .rows = rows,
                            .width = kHidden,
                            .eps = 1e-5f},
                           stream);
    });
    Run("AddRmsNorm and next 4096", rows, 4 * row, 6 * row, [&](char* memory, cudaStream_t stream) {
      return LaunchAddRmsNorm({.residual = reinterpret_cast<float*>(memory),
                               .residual_stride = kHidden,
                               .x = memory + 2 * row,
                               .x_stride = kHidden,
                               .weight = weight_,
                               .next_weight = weight_,
                               .out = memory + 3 * row,
                               .out_stride = kHidden,
                               .rows = rows,
                               .width = kHidden,
                               .eps = 1e-5f},
                              stream);
    });
  }

  void VisionNorms() {
    const int64_t row = kPatches * kVisionHidden * kBf16;
    Run("RmsNorm 1536", kPatches, 2 * row, 2 * row, [&](char* memory, cudaStream_t stream) {
      return LaunchRmsNorm({.x = memory,
                            .x_stride = kVisionHidden,
                            .weight = weight_,
                            .out = memory + row,
                            .out_stride = kVisionHidden,
                            .rows = kPatches,
                            .width = kVisionHidden,
                            .eps = 1e-5f},
                           stream);
    });
    Run("Add 1536", kPatches, 2 * row, 3 * row, [&](char* memory, cudaStream_t stream) {
      return LaunchAdd({.residual = memory,
                        .residual_stride = kVisionHidden,
                        .x = memory + row,
                        .x_stride = kVisionHidden,
                        .rows = kPatches,
                        .width = kVisionHidden},
                       stream);
    });
  }

  void SiluMul(int64_t rows, int64_t width) {
    const int64_t row = rows * width * kBf16;
    Run("SiluMul " + std::to_string(width), rows, 3 * row, 3 * row,
        [&](char* memory, cudaStream_t stream) {
          return LaunchSiluMul({.gate_up = memory,
                                .gate_up_stride = 2 * width,
                                .out = memory + 2 * row,
                                .out_stride = width,
                                .rows = rows,
                                .width = width},
                               stream);
        });
  }

  void Text(int64_t rows) {
    TextNorms(rows);
    SiluMul(rows, kMlp);
    TextRotary(rows);
    Embed(rows);
  }

  void TextRotary(int64_t rows) {
    constexpr int64_t kHeads = 32;
    constexpr int64_t kKvHeads = 2;
    constexpr int64_t kDim = 128;
    constexpr int64_t kBlockTokens = 128;
    constexpr int64_t kWidth = (kHeads + 2 * kKvHeads) * kDim;
    const int64_t blocks = (rows + kBlockTokens - 1) / kBlockTokens;
    const int64_t cache = blocks * kBlockTokens * kKvHeads * kDim * kBf16;
    std::vector<int32_t> axis(32);
    for (size_t i = 0; i < axis.size(); ++i) axis[i] = i < 8 ? 0 : i < 20 ? 1 : 2;
    std::vector<int32_t> positions;
    std::vector<int32_t> slots;
    for (int64_t i = 0; i < 3 * rows; ++i) positions.push_back(static_cast<int32_t>(i % rows));
    for (int64_t i = 0; i < rows; ++i) slots.push_back(static_cast<int32_t>(i));
    const int32_t* axis_on_device = Upload(axis);
    const int32_t* positions_on_device = Upload(positions);
    const int32_t* slots_on_device = Upload(slots);
    const float* table = Upload(std::vector<float>(static_cast<size_t>(rows) * 32, 0.5f));
    // Half of every query, and keys and values, are read and written.
    const int64_t bytes = 2 * rows * (kHeads * kDim / 2 + 2 * kKvHeads * kDim) * kBf16;
    Run("TextRotary", rows, rows * kWidth * kBf16 + 2 * cache, bytes,
        [&](char* memory, cudaStream_t stream) {
          return LaunchTextRotary({.qkv = memory,
                                   .qkv_stride = kWidth,
                                   .rows = rows,
                                   .heads = kHeads,
                                   .kv_heads = kKvHeads,
                                   .head_dim = kDim,
                                   .half = 32,
                                   .positions = positions_on_device,
                                   .axis_stride = rows,
                                   .axis = axis_on_device,
                                   .cos = table,
                                   .sin = table,
                                   .k_cache = memory + rows * kWidth * kBf16,
                                   .v_cache = memory + rows * kWidth * kBf16 + cache,
                                   .block_tokens = kBlockTokens,
                                   .slots = slots_on_device},
                                  stream);
        });
  }

  void Embed(int64_t rows) {
    constexpr int64_t kRowBytes = kHidden * kBf16;
    std::mt19937 random(2);
    std::vector<int32_t> ids;
    std::vector<int32_t> slots;
    for (int64_t i = 0; i < rows; ++i) {
      ids.push_back(static_cast<int32_t>(random() % kVocabulary));
      slots.push_back(static_cast<int32_t>(i));
    }
    const int32_t* ids_on_device = Upload(ids);
    const int32_t* slots_on_device = Upload(slots);
    const char* table = pool_.Piece(0, kVocabulary * kRowBytes);
    Run("GatherRows 4096", rows, 2 * rows * kRowBytes, 3 * rows * kRowBytes,
        [&](char* memory, cudaStream_t stream) {
          return LaunchGatherRows({.source = table,
                                   .source_stride = kHidden,
                                   .indices = ids_on_device,
                                   .out = reinterpret_cast<float*>(memory),
                                   .out_stride = kHidden,
                                   .rows = rows,
                                   .width = kHidden},
                                  stream);
        });
    Run("EmbedTokens 4096", rows, 2 * rows * kRowBytes, 3 * rows * kRowBytes,
        [&](char* memory, cudaStream_t stream) {
          return LaunchEmbedTokens({.table = table,
                                    .table_stride = kHidden,
                                    .last_token = ids_on_device,
                                    .slots = slots_on_device,
                                    .out = reinterpret_cast<float*>(memory),
                                    .out_stride = kHidden,
                                    .rows = rows,
                                    .width = kHidden},
                                   stream);
        });
  }

  void Vision() {
    VisionNorms();
    SiluMul(kPatches, kVisionMlp);
    OfPatches();
    const int64_t merged = kTokens * kHidden * kBf16;
    Run("LayerNorm 4096", kTokens, 2 * merged, 2 * merged, [&](char* memory, cudaStream_t stream) {
      return LaunchLayerNorm({.x = memory,
                              .x_stride = kHidden,
                              .weight = weight_,
                              .bias = weight_,
                              .out = memory + merged,
                              .out_stride = kHidden,
                              .rows = kTokens,
                              .width = kHidden,
                              .eps = 1e-5f},
                             stream);
    });
    Run("Gelu 4096", kTokens, merged, 2 * merged, [&](char* memory, cudaStream_t stream) {
      return LaunchGelu({.x = memory, .x_stride = kHidden, .rows = kTokens, .width = kHidden},
                        stream);
    });
  }

  void OfPatches() {
    std::vector<int32_t> positions(2 * kPatches);  // cell by cell
    for (int32_t i = 0; i < kPatches; ++i) {
      const int32_t cell = i / 4;
      positions[static_cast<size_t>(i)] = cell / (kGridCols / 2) * 2 + i % 4 / 2;
      positions[static_cast<size_t>(kPatches + i)] = cell % (kGridCols / 2) * 2 + i % 2;
    }
    std::vector<int32_t> axis(64, 0);
    for (size_t i = 32; i < axis.size(); ++i) axis[i] = 1;
    const int32_t* positions_on_device = Upload(positions);
    const int32_t* axis_on_device = Upload(axis);
    const float* table = Upload(std::vector<float>(kGridRows * 64, 0.5f));
    const int64_t hidden = kPatches * kVisionHidden * kBf16;
    Run("VisionRotary", kPatches, 3 * hidden, 4 * hidden, [&](char* memory, cudaStream_t stream) {
      return LaunchVisionRotary({.qkv = memory,
                                 .qkv_stride = 3 * kVisionHidden,
                                 .rows = kPatches,
                                 .heads = 12,
                                 .head_dim = 128,
                                 .half = 64,
                                 .positions = positions_on_device,
                                 .axis_stride = kPatches,
                                 .axis = axis_on_device,
                                 .cos = table,
                                 .sin = table},
                                stream);
    });
    Run("PositionEmbedding 1536", kPatches, hidden, 2 * hidden,
        [&](char* memory, cudaStream_t stream) {
          return LaunchAddPositionEmbedding({.x = memory,
                                             .x_stride = kVisionHidden,
                                             .patches = kPatches,
                                             .width = kVisionHidden,
                                             .table = pool_.Piece(0, hidden),
                                             .side = 24,
                                             .rows = positions_on_device,
                                             .columns = positions_on_device + kPatches,
                                             .grid_rows = kGridRows,
                                             .grid_cols = kGridCols},
                                            stream);
        });
    constexpr int64_t kPixels = kPatches * 14 * 14;
    Run("Patches, gray", kPatches, 13 * kPixels + 4096 - 13 * kPixels % 4096, 13 * kPixels,
        [&](char* memory, cudaStream_t stream) {
          return LaunchPatches({.pixels = reinterpret_cast<const uint8_t*>(memory + 12 * kPixels),
                                .height = kGridRows * 14,
                                .width = kGridCols * 14,
                                .channels = 1,
                                .values = weight_,
                                .out = memory,
                                .patch = 14,
                                .merge = 2,
                                .temporal = 2},
                               stream);
        });
  }

  const Pool pool_;
  const void* weight_ = Upload(std::vector<uint16_t>(kMlp, 0x3F80));
  double copy_ = 0;
};

}  // namespace
}  // namespace glyph::vlm::kernels

int main() {
  glyph::vlm::kernels::Bench().RunAll();
  return 0;
}
