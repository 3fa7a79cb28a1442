// Microseconds to choose a token for every row, over logits that the second-level cache does not
// hold, beside a copy of memory on the same card.
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "tests/bench/gpu_timer.h"
#include "vlm_service/kernels/sample.h"
#include "vlm_service/kernels/sampling_history.h"

namespace glyph::vlm::kernels {
namespace {

using bench::CheckCuda;
using bench::MedianMs;

constexpr int32_t kVocab = 151552;
constexpr int32_t kMaxRows = 256;
constexpr int64_t kPoolBytes = int64_t{1} << 29;  // of logits, more than any cache

template <typename T>
T* Allocate(int64_t count) {
  T* data = nullptr;
  CheckCuda(cudaMalloc(reinterpret_cast<void**>(&data), static_cast<size_t>(count) * sizeof(T)));
  CheckCuda(cudaMemset(data, 0, static_cast<size_t>(count) * sizeof(T)));
  return data;
}

template <typename T>
void Copy(T* to, const std::vector<T>& from) {
  CheckCuda(cudaMemcpy(to, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
}

double CopyBytesPerMs() {
  char* from = Allocate<char>(kPoolBytes);
  char* to = Allocate<char>(kPoolBytes);
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) {
        CheckCuda(cudaMemcpyAsync(to, from, kPoolBytes, cudaMemcpyDeviceToDevice, stream));
      },
      5);
  CheckCuda(cudaFree(from));
  CheckCuda(cudaFree(to));
  return 2.0 * kPoolBytes / ms;
}

class Bench {
 public:
  Bench() : copy_bytes_per_ms_(CopyBytesPerMs()) {
    params_.tables = {.states = Allocate<SamplerState>(kMaxRows),
                      .biases = Allocate<BiasEntry>(int64_t{kMaxRows} * kMaxLogitBiases),
                      .seen = Allocate<uint32_t>(int64_t{kMaxRows} * SeenWords(kVocab)),
                      .output_counts = Allocate<uint16_t>(int64_t{kMaxRows} * kVocab),
                      .vocab = kVocab};
    params_.workspace =
        Allocate<char>(static_cast<int64_t>(SampleWorkspaceBytes(kMaxRows, kVocab)));
    params_.last_token = Allocate<int32_t>(kMaxRows);
    params_.results = Allocate<SampleResult>(kMaxRows);
    std::vector<int32_t> slots;
    for (int32_t slot = 0; slot < kMaxRows; ++slot) slots.push_back(slot);
    auto* slots_on_device = Allocate<int32_t>(kMaxRows);
    Copy(slots_on_device, slots);
    params_.slots = slots_on_device;
    params_.row_stride = kVocab;
    ObservePrompts();
    std::printf("copy %.0f GB/s\n%-44s %5s %5s %9s %7s %8s\n", copy_bytes_per_ms_ / 1e6,
                "rows that", "type", "rows", "us", "GB/s", "of copy");
  }

  void Fill(Element element) {
    params_.element = element;
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 2.5f);
    std::vector<float> row(kVocab);
    for (float& value : row) value = normal(random);
    std::vector<uint16_t> halves;
    for (const float value : row) {
      uint32_t bits;
      __builtin_memcpy(&bits, &value, sizeof(bits));
      halves.push_back(static_cast<uint16_t>(bits >> 16));
    }
    if (logits_ == nullptr) logits_ = Allocate<char>(kPoolBytes);
    for (int64_t i = 0; i < NumPoolRows(); ++i) {
      if (element == Element::kFloat32) {
        Copy(reinterpret_cast<float*>(logits_ + i * RowBytes()), row);
      } else {
        Copy(reinterpret_cast<uint16_t*>(logits_ + i * RowBytes()), halves);
      }
    }
  }

  void Run(const char* name, int32_t rows, SamplerState state, bool may_draw) {
    std::vector<SamplerState> states(kMaxRows, state);
    for (int32_t slot = 0; slot < kMaxRows; ++slot) states[slot].seed = 77u * slot;
    Copy(params_.tables.states, states);
    params_.rows = rows;
    params_.may_draw = may_draw;
    const int64_t num_inputs = NumPoolRows() / rows;
    const int inner = static_cast<int>(num_inputs < 20 ? 20 : num_inputs > 300 ? 300 : num_inputs);
    const double ms = MedianMs(
        [&](int i, cudaStream_t stream) {
          SampleParams params = params_;
          params.logits = logits_ + i % num_inputs * rows * RowBytes();
          CheckCuda(LaunchSample(params, stream));
        },
        inner);
    const double bytes = static_cast<double>(rows) * static_cast<double>(RowBytes());
    std::printf("%-44s %5s %5d %9.2f %7.0f %7.0f%%\n", name,
                params_.element == Element::kFloat32 ? "f32" : "bf16", rows, ms * 1e3,
                bytes / ms / 1e6, 100 * bytes / ms / copy_bytes_per_ms_);
  }

 private:
  int64_t RowBytes() const { return kVocab * (params_.element == Element::kFloat32 ? 4 : 2); }
  int64_t NumPoolRows() const { return kPoolBytes / RowBytes(); }

  // 2,000 tokens each, for the penalties.
  void ObservePrompts() {
    std::mt19937 random(2);
    std::vector<int32_t> ids(2000);
    auto* ids_on_device = Allocate<int32_t>(2000);
    for (int32_t slot = 0; slot < kMaxRows; ++slot) {
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % kVocab);
      Copy(ids_on_device, ids);
      CheckCuda(LaunchObserveTokens({.tables = params_.tables,
                                     .slot = slot,
                                     .ids = ids_on_device,
                                     .num_ids = 2000,
                                     .num_outputs = 1000},
                                    nullptr));
    }
    CheckCuda(cudaDeviceSynchronize());
    CheckCuda(cudaFree(ids_on_device));
  }

  double copy_bytes_per_ms_;
  char* logits_ = nullptr;
  SampleParams params_ = {};
};

}  // namespace

int Main() {
  Bench bench;
  SamplerState greedy = {};
  greedy.top_p = 1;
  greedy.repetition_penalty = 1;
  SamplerState penalized = greedy;
  penalized.repetition_penalty = 1.1f;
  SamplerState logprob = greedy;
  logprob.wants_logprob = 1;
  SamplerState drawn = greedy;
  drawn.temperature = 0.7f;
  SamplerState nucleus = drawn;
  nucleus.top_p = 0.95f;
  SamplerState usual = nucleus;
  usual.top_k = 50;
  usual.repetition_penalty = 1.1f;
  for (const Element element : {Element::kFloat32, Element::kBFloat16}) {
    bench.Fill(element);
    for (const int32_t rows : {1, 64, 256}) bench.Run("are greedy", rows, greedy, false);
    bench.Run("are greedy, where others might draw", 1, greedy, true);
    for (const int32_t rows : {1, 64}) {
      bench.Run("are greedy, repetition penalty", rows, penalized, false);
      bench.Run("are greedy, log-probability", rows, logprob, false);
      bench.Run("draw, top_k 50, top_p 0.95, penalty", rows, usual, true);
      bench.Run("draw, top_p 0.95", rows, nucleus, true);
      bench.Run("draw from all", rows, drawn, true);
    }
  }
  return 0;
}

}  // namespace glyph::vlm::kernels

int main() { return glyph::vlm::kernels::Main(); }
