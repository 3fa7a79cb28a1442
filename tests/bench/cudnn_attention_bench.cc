// Attention by cuDNN at the sizes of GLM-4.1V, in every form CudnnAttention offers, one line a
// form.
//   cudnn_attention_gpu_bench [part of a name]
// Each line is a process of its own, so that a form that fails takes no other with it.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/bench/gpu_timer.h"
#include "vlm_service/kernels/cudnn_attention.h"

namespace glyph::bench {
namespace {

using vlm::kernels::CudnnAttention;
using vlm::kernels::CudnnAttentionArgs;
using vlm::kernels::CudnnAttentionRows;
using vlm::kernels::QueryBound;
using vlm::kernels::TokenBound;
using Spec = vlm::kernels::CudnnAttentionSpec;

constexpr int64_t kDim = 128;
constexpr int64_t kBlock = 128;

struct Case {
  std::string name;
  Spec::Mask mask = Spec::Mask::kFull;
  Spec::Rows rows = Spec::Rows::kExact;
  int64_t bound_q = 0;  // where rows are bounded; 0: the actual ones
  int64_t bound_k = 0;
  bool paged = false;
  bool fused = true;  // k and v lie in the rows of q
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int64_t rows_q = 0;
  int64_t rows_k = 0;
};

std::string Plain(const absl::Status& status) {
  std::string text = status.ToString();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// Normal values; a prime number of them, so that copies side by side repeat at no row.
const std::vector<uint16_t>& Pattern() {
  static const std::vector<uint16_t> pattern = [] {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<uint16_t> values(4194301);
    for (uint16_t& value : values) {
      value = static_cast<uint16_t>(std::bit_cast<uint32_t>(normal(random)) >> 16);
    }
    return values;
  }();
  return pattern;
}

uint16_t* NewArray(int64_t count) {
  uint16_t* data = nullptr;
  CheckCuda(cudaMalloc(&data, static_cast<size_t>(count) * 2));
  const auto size = static_cast<int64_t>(Pattern().size());
  for (int64_t at = 0; at < count; at += size) {
    CheckCuda(cudaMemcpy(data + at, Pattern().data(),
                         static_cast<size_t>(std::min(size, count - at)) * 2,
                         cudaMemcpyHostToDevice));
  }
  return data;
}

float ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

double MedianMilliseconds(const std::function<void()>& run) {
  cudaEvent_t start;
  cudaEvent_t stop;
  CheckCuda(cudaEventCreate(&start));
  CheckCuda(cudaEventCreate(&stop));
  const auto timed = [&](int count) {
    float ms = 0;
    CheckCuda(cudaEventRecord(start));
    for (int i = 0; i < count; ++i) run();
    CheckCuda(cudaEventRecord(stop));
    CheckCuda(cudaEventSynchronize(stop));
    CheckCuda(cudaEventElapsedTime(&ms, start, stop));
    return static_cast<double>(ms) / count;
  };
  timed(1);
  const int count = static_cast<int>(std::clamp(20 / std::max(timed(1), 0.02), 1.0, 200.0));
  std::vector<double> times(7);
  for (double& time : times) time = timed(count);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

// TFLOP/s of cuBLAS at 8192^3 in bfloat16: the ceiling.
double GemmTeraflops() {
  constexpr int kSize = 8192;
  uint16_t* a = NewArray(int64_t{kSize} * kSize);
  uint16_t* b = NewArray(int64_t{kSize} * kSize);
  uint16_t* c = NewArray(int64_t{kSize} * kSize);
  cublasHandle_t handle;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 0;
  const float one = 1;
  const float zero = 0;
  const double ms = MedianMilliseconds([&] {
    cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, kSize, kSize, kSize, &one, a, CUDA_R_16BF, kSize,
                 b, CUDA_R_16BF, kSize, &zero, c, CUDA_R_16BF, kSize, CUBLAS_COMPUTE_32F,
                 CUBLAS_GEMM_DEFAULT);
  });
  return 2.0 * kSize * kSize * kSize / ms / 1e9;
}

// The device arrays of one case.
class Arrays {
 public:
  explicit Arrays(const Case& c) : case_(c) {
    const bool bounded = c.rows != Spec::Rows::kExact;
    spec_.mask = c.mask;
    spec_.rows = c.rows;
    spec_.heads = c.heads;
    spec_.kv_heads = c.kv_heads;
    spec_.rows_q = bounded && c.bound_q > 0 ? c.bound_q : c.rows_q;
    spec_.rows_k = bounded && c.bound_k > 0 ? c.bound_k : c.rows_k;
    spec_.out.row = c.heads * kDim;
    const int64_t kv_width = c.kv_heads * kDim;
    spec_.q.row = (c.heads + 2 * c.kv_heads) * kDim;
    const int64_t fused_rows = c.fused ? std::max(spec_.rows_q, spec_.rows_k) : spec_.rows_q;
    uint16_t* qkv = NewArray(fused_rows * spec_.q.row);
    uint16_t* k = qkv + c.heads * kDim;
    uint16_t* v = k + kv_width;
    spec_.k.row = spec_.q.row;
    if (c.paged) {
      spec_.block_tokens = kBlock;
      spec_.block_stride = kv_width * kBlock;
      spec_.num_blocks = spec_.table_size() + 64;
      spec_.k = {.row = kDim, .head = kBlock * kDim};
      k = NewArray(spec_.num_blocks * spec_.block_stride);
      v = NewArray(spec_.num_blocks * spec_.block_stride);
      MakeTable();
    } else if (!c.fused) {
      spec_.k.row = kv_width;
      k = NewArray(spec_.rows_k * kv_width);
      v = NewArray(spec_.rows_k * kv_width);
    }
    spec_.v = spec_.k;
    const CudnnAttentionRows rows = {.rows_q = static_cast<int32_t>(c.rows_q),
                                     .rows_k = static_cast<int32_t>(c.rows_k)};
    CudnnAttentionRows* device_rows = nullptr;
    CheckCuda(cudaMalloc(&device_rows, sizeof(rows)));
    CheckCuda(cudaMemcpy(device_rows, &rows, sizeof(rows), cudaMemcpyHostToDevice));
    args_ = {.q = qkv,
             .k = k,
             .v = v,
             .out = NewArray(spec_.rows_q * spec_.out.row),
             .block_table = device_table_,
             .rows = device_rows};
  }

  const Spec& spec() const { return spec_; }
  CudnnAttentionArgs& args() { return args_; }

  double Flops() const {
    const double all = static_cast<double>(case_.rows_q) * static_cast<double>(case_.rows_k);
    const double hidden =
        spec_.mask == Spec::Mask::kFull
            ? 0
            : static_cast<double>(case_.rows_q) * static_cast<double>(case_.rows_q - 1) / 2;
    return 4.0 * kDim * case_.heads * (all - hidden);
  }

  // The largest relative error of some rows of the last head, by length of row.
  double SampledError() const {
    const int32_t head = case_.heads - 1;
    const std::vector<uint16_t> k = FetchHead(args_.k);
    const std::vector<uint16_t> v = FetchHead(args_.v);
    double worst = 0;
    for (const int64_t row : {int64_t{0}, case_.rows_q / 3, case_.rows_q - 1}) {
      const auto q = Fetch(static_cast<const uint16_t*>(args_.q) + row * spec_.q.row + head * kDim);
      const auto out =
          Fetch(static_cast<const uint16_t*>(args_.out) + row * spec_.out.row + head * kDim);
      const std::vector<double> expected = Reference(q, k, v, row);
      double error = 0;
      double length = 0;
      for (size_t d = 0; d < kDim; ++d) {
        error += std::pow(ToFloat(out[d]) - expected[d], 2);
        length += std::pow(expected[d], 2);
      }
      const double relative = std::sqrt(error / length);
      worst = std::isfinite(relative) ? std::max(worst, relative) : INFINITY;
    }
    return worst;
  }

  // Fills the output with NaN, so that a run that writes nothing shows.
  void Poison() {
    CheckCuda(cudaMemset(args_.out, 0xFF, static_cast<size_t>(spec_.rows_q * spec_.out.row) * 2));
  }

 private:
  void MakeTable() {
    table_.resize(static_cast<size_t>(spec_.num_blocks));
    std::iota(table_.begin(), table_.end(), 0);
    std::shuffle(table_.begin(), table_.end(), std::mt19937(2));
    table_.resize(static_cast<size_t>(spec_.table_size()));
    CheckCuda(cudaMalloc(&device_table_, table_.size() * 4));
    CheckCuda(cudaMemcpy(device_table_, table_.data(), table_.size() * 4, cudaMemcpyHostToDevice));
  }

  static std::vector<uint16_t> Fetch(const uint16_t* from) {
    std::vector<uint16_t> values(kDim);
    CheckCuda(cudaMemcpy(values.data(), from, kDim * 2, cudaMemcpyDeviceToHost));
    return values;
  }

  // The last kv head of k or v: [rows_k, 128].
  std::vector<uint16_t> FetchHead(const void* data) const {
    const int64_t run = case_.paged ? kBlock : case_.rows_k;
    std::vector<uint16_t> values(static_cast<size_t>((case_.rows_k + run - 1) / run * run * kDim));
    for (int64_t at = 0; at < case_.rows_k; at += run) {
      const int64_t block = case_.paged ? table_[static_cast<size_t>(at / kBlock)] : 0;
      const uint16_t* from = static_cast<const uint16_t*>(data) + block * spec_.block_stride +
                             (case_.kv_heads - 1) * spec_.k.head;
      CheckCuda(cudaMemcpy2D(values.data() + at * kDim, kDim * 2, from,
                             static_cast<size_t>(spec_.k.row) * 2, kDim * 2,
                             static_cast<size_t>(run), cudaMemcpyDeviceToHost));
    }
    return values;
  }

  std::vector<double> Reference(const std::vector<uint16_t>& q, const std::vector<uint16_t>& k,
                                const std::vector<uint16_t>& v, int64_t row) const {
    const int64_t seen =
        spec_.mask == Spec::Mask::kFull ? case_.rows_k : case_.rows_k - case_.rows_q + row + 1;
    std::vector<double> scores(static_cast<size_t>(seen));
    double top = -INFINITY;
    for (size_t t = 0; t < scores.size(); ++t) {
      for (size_t d = 0; d < kDim; ++d) scores[t] += ToFloat(q[d]) * ToFloat(k[t * kDim + d]);
      scores[t] /= std::sqrt(static_cast<double>(kDim));
      top = std::max(top, scores[t]);
    }
    double sum = 0;
    std::vector<double> out(kDim);
    for (size_t t = 0; t < scores.size(); ++t) {
      const double p = std::exp(scores[t] - top);
      sum += p;
      for (size_t d = 0; d < kDim; ++d) out[d] += p * ToFloat(v[t * kDim + d]);
    }
    for (double& value : out) value /= sum;
    return out;
  }

  Case case_;
  Spec spec_;
  CudnnAttentionArgs args_;
  std::vector<int32_t> table_;
  int32_t* device_table_ = nullptr;
};

// "yes", or why a captured run does not repeat the result.
std::string Captured(CudnnAttention& attention, Arrays& arrays) {
  cudaStream_t stream;
  CheckCuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CheckCuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  const absl::Status ran = attention.Run(arrays.spec(), arrays.args(), stream);
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
  if (!ran.ok()) return Plain(ran);
  if (ended != cudaSuccess) return cudaGetErrorString(ended);
  cudaGraphExec_t exec = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&exec, graph, 0);
  if (made != cudaSuccess) return cudaGetErrorString(made);
  arrays.Poison();
  CheckCuda(cudaDeviceSynchronize());
  const cudaError_t launched = cudaGraphLaunch(exec, stream);
  if (launched != cudaSuccess) return cudaGetErrorString(launched);
  CheckCuda(cudaStreamSynchronize(stream));
  return arrays.SampledError() < 0.01 ? "yes" : "wrong result";
}

template <typename Call>
double Milliseconds(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Prints one line.
void Measure(const Case& c, double ceiling) {
  std::printf("%-44s ", c.name.c_str());
  std::fflush(stdout);
  auto attention = CudnnAttention::Create();
  if (!attention.ok()) {
    std::printf("%s\n", Plain(attention.status()).c_str());
    return;
  }
  Arrays arrays(c);
  Spec small;  // so that loading cuDNN's libraries is not in the time of the first plan
  small.heads = small.kv_heads = 4;
  small.rows_q = small.rows_k = 256;
  small.q.row = small.k.row = small.v.row = small.out.row = 4 * kDim;
  (void)(*attention)->Prepare(small);
  absl::StatusOr<vlm::kernels::CudnnAttentionPlan> plan;
  const double build_ms = Milliseconds([&] { plan = (*attention)->Prepare(arrays.spec()); });
  if (!plan.ok()) {
    std::printf("%s\n", Plain(plan.status()).c_str());
    return;
  }
  Spec next = arrays.spec();
  next.rows_q -= 64;
  next.rows_k -= 64;
  const double next_ms = Milliseconds([&] { (void)(*attention)->Prepare(next); });
  CheckCuda(cudaMalloc(&arrays.args().workspace,
                       static_cast<size_t>(std::max<int64_t>(plan->workspace_bytes, 16))));
  arrays.Poison();
  absl::Status ran;
  const auto run = [&] {
    if (ran.ok()) ran = (*attention)->Run(arrays.spec(), arrays.args(), nullptr);
  };
  const double ms = MedianMilliseconds(run);
  if (!ran.ok()) {
    std::printf("%s\n", Plain(ran).c_str());
    return;
  }
  const double host_us = Milliseconds(run) * 1000;
  CheckCuda(cudaDeviceSynchronize());
  const double error = arrays.SampledError();
  const double teraflops = arrays.Flops() / ms / 1e9;
  std::printf(
      "%10.1f us %6.1f TFLOP/s %5.1f %%  build %7.1f ms, next %7.1f ms  host %5.1f us  "
      "workspace %9lld  error %.4f  ",
      ms * 1000, teraflops, ceiling > 0 ? 100 * teraflops / ceiling : 0.0, build_ms, next_ms,
      host_us, static_cast<long long>(plan->workspace_bytes), error);
  std::fflush(stdout);
  std::printf("graph %s  %s (1 of %lld)\n", Captured(**attention, arrays).c_str(),
              plan->name.c_str(), static_cast<long long>(plan->num_candidates));
}

// The forms of one problem; `all` adds those that only explain the others. Bounds of bounded forms
// are those of the model, and where `all` also the actual rows.
void AddForms(const std::string& name, Case base, bool all, std::vector<Case>& cases) {
  const auto add = [&](const char* form, Spec::Rows rows, bool bound) -> Case& {
    base.rows = rows;
    base.bound_q = bound ? QueryBound(base.rows_q) : 0;
    base.bound_k = bound ? TokenBound(base.rows_k) : 0;
    base.name = name + ", " + form;
    return cases.emplace_back(base);
  };
  if (!base.paged) {
    add("exact", Spec::Rows::kExact, false);
  }
  add("at most, bound", Spec::Rows::kAtMost, true);
  if (all) add("at most", Spec::Rows::kAtMost, false);
}

// What bounds cost that are far from the actual rows.
void AddBounds(Case base, std::vector<Case>& cases) {
  base.rows = Spec::Rows::kAtMost;
  for (const int64_t bound_q : {base.rows_q, int64_t{6144}, int64_t{8192}, int64_t{32768}}) {
    for (const int64_t bound_k : {base.rows_k, int64_t{32768}, int64_t{131072}}) {
      base.bound_q = bound_q;
      base.bound_k = bound_k;
      base.name =
          "chunk 5000 of 25000 as " + std::to_string(bound_q) + " of " + std::to_string(bound_k);
      cases.push_back(base);
    }
  }
}

std::vector<Case> AllCases() {
  using enum Spec::Mask;
  std::vector<Case> cases;
  Case vision;
  vision.heads = vision.kv_heads = 12;
  for (const int64_t rows : {29600, 86580}) {
    vision.rows_q = vision.rows_k = rows;
    AddForms("vision " + std::to_string(rows), vision, rows == 29600, cases);
  }
  vision.rows_q = 8192;
  AddForms("vision 8192 of 86580", vision, false, cases);
  Case text;
  text.heads = 32;
  text.kv_heads = 2;
  for (const int64_t rows : {7400, 21645, 32768}) {
    text.rows_q = text.rows_k = rows;
    text.mask = kCausal;
    AddForms("prompt " + std::to_string(rows), text, rows == 7400, cases);
    text.mask = kCausalBottomRight;
    if (rows == 7400) AddForms("prompt 7400 bottom-right", text, false, cases);
  }
  text.fused = false;
  for (const int64_t rows : {2048, 8192}) {
    text.rows_q = rows;
    text.rows_k = 30000 + rows;
    for (const bool paged : {true, false}) {
      text.paged = paged;
      AddForms("chunk " + std::to_string(rows) + (paged ? " paged" : " dense"), text, rows == 2048,
               cases);
    }
  }
  text.paged = true;
  text.rows_q = 5000;
  text.rows_k = 25000;
  AddBounds(text, cases);
  return cases;
}

// Runs `work` in a process of its own and says when it did not end well.
void Apart(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) std::printf("ended by signal %d\n", WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) std::printf("ended with an error\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace glyph::bench

int main(int argc, char** argv) {
  namespace bench = glyph::bench;
  const std::string part = argc > 1 ? argv[1] : "";
  bench::Pattern();
  void* shared =
      mmap(nullptr, sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  auto* ceiling = static_cast<double*>(shared);
  *ceiling = 0;
  bench::Apart([ceiling] { *ceiling = bench::GemmTeraflops(); });
  std::printf("cuBLAS 8192^3 bfloat16: %.1f TFLOP/s, the 100 %% of what follows\n", *ceiling);
  std::fflush(stdout);
  for (const bench::Case& c : bench::AllCases()) {
    if (c.name.find(part) == std::string::npos) continue;
    bench::Apart([&c, ceiling] { bench::Measure(c, *ceiling); });
  }
  return 0;
}
