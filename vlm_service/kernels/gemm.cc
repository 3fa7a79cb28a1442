#include "vlm_service/kernels/gemm.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace glyph::vlm::kernels {
namespace {

constexpr int kTunedWays = 8;
constexpr int kTunedRuns = 5;
constexpr uint32_t kMaxAlignment = 256;

// 1, 2, 3, 4, 6, 8, 12, 16, ...: the least that is not below.
int64_t RowBucket(int64_t rows) {
  int64_t power = 1;
  while (2 * power <= rows) power *= 2;
  if (rows == power) return power;
  return rows <= power + power / 2 ? power + power / 2 : 2 * power;
}

// The alignment in bytes, at most 256, that all pointers share.
uint32_t SharedAlignment(const GemmParams& p) {
  uintptr_t bits = kMaxAlignment;
  for (const void* pointer : {p.x, p.weight, p.bias, static_cast<const void*>(p.y)}) {
    bits |= reinterpret_cast<uintptr_t>(pointer);
  }
  return static_cast<uint32_t>(bits & (~bits + 1));
}

std::string Describe(const GemmParams& p) {
  return absl::StrCat("rows ", p.rows, ", in_features ", p.in_features, ", out_features ",
                      p.out_features, ", x_stride ", p.x_stride, ", y_stride ", p.y_stride,
                      p.type == Element::kBFloat16 ? ", bfloat16" : ", float32");
}

absl::Status Check(const GemmParams& p) {
  // cuBLASLt counts in int32.
  const int64_t largest = std::max({p.rows, p.in_features, p.out_features});
  if (p.rows < 0 || p.in_features <= 0 || p.out_features <= 0 || p.x_stride < p.in_features ||
      p.y_stride < p.out_features || largest > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("no such product: ", Describe(p)));
  }
  return absl::OkStatus();
}

absl::Status CublasStatus(cublasStatus_t status, const GemmParams& p) {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("cuBLASLt: ", cublasLtGetStatusString(status), ": ", Describe(p)));
}

absl::Status NoWay(const GemmParams& p) {
  return absl::UnimplementedError(absl::StrCat("cuBLASLt has no way to compute ", Describe(p)));
}

struct Event {
  cudaEvent_t event = nullptr;
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (event != nullptr) cudaEventDestroy(event);
  }
};

}  // namespace

// What cuBLASLt calls one product. It counts by columns, so it computes y^T = weight x^T: the
// weight is its transposed first matrix, and the bias one value per row.
struct Gemm::Call {
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t weight;
  cublasLtMatrixLayoutOpaque_t x;
  cublasLtMatrixLayoutOpaque_t y;

  cublasStatus_t Init(const GemmParams& p);
  cublasStatus_t Enqueue(const Gemm& gemm, const GemmParams& p, const cublasLtMatmulAlgo_t& way,
                         cudaStream_t stream);
  // The ways to compute it, the one thought best first; empty where there is none.
  std::vector<cublasLtMatmulAlgo_t> Ways(const Gemm& gemm, const GemmParams& p, int count);
};

cublasStatus_t Gemm::Call::Init(const GemmParams& p) {
  const cudaDataType_t type = p.type == Element::kBFloat16 ? CUDA_R_16BF : CUDA_R_32F;
  const auto rows = static_cast<uint64_t>(p.rows);
  const auto in = static_cast<uint64_t>(p.in_features);
  const auto out = static_cast<uint64_t>(p.out_features);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  const cublasLtEpilogue_t epilogue =
      p.bias != nullptr ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  for (const cublasStatus_t status :
       {cublasLtMatmulDescInit(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F),
        cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                       sizeof(transposed)),
        cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                       sizeof(epilogue)),
        cublasLtMatrixLayoutInit(&weight, type, in, out, p.in_features),
        cublasLtMatrixLayoutInit(&x, type, in, rows, p.x_stride),
        cublasLtMatrixLayoutInit(&y, type, out, rows, p.y_stride)}) {
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  if (p.bias == nullptr) return CUBLAS_STATUS_SUCCESS;
  return cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias,
                                        sizeof(p.bias));
}

cublasStatus_t Gemm::Call::Enqueue(const Gemm& gemm, const GemmParams& p,
                                   const cublasLtMatmulAlgo_t& way, cudaStream_t stream) {
  const float one = 1.0f;
  const float zero = 0.0f;
  return cublasLtMatmul(gemm.handle_, &product, &one, p.weight, &weight, p.x, &x, &zero, p.y, &y,
                        p.y, &y, &way, gemm.workspace_, gemm.workspace_bytes_, stream);
}

std::vector<cublasLtMatmulAlgo_t> Gemm::Call::Ways(const Gemm& gemm, const GemmParams& p,
                                                   int count) {
  cublasLtMatmulPreferenceOpaque_t preference;
  if (cublasLtMatmulPreferenceInit(&preference) != CUBLAS_STATUS_SUCCESS) return {};
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    return cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)) ==
           CUBLAS_STATUS_SUCCESS;
  };
  // Partial sums are never rounded to bfloat16.
  const uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  const uint32_t alignment = SharedAlignment(p);
  const auto workspace_bytes = static_cast<uint64_t>(gemm.workspace_bytes_);
  if (!set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes) ||
      !set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, schemes) ||
      !set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment) ||
      !set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment) ||
      !set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment) ||
      !set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment)) {
    return {};
  }
  std::array<cublasLtMatmulHeuristicResult_t, kTunedWays> results;
  int found = 0;
  if (cublasLtMatmulAlgoGetHeuristic(gemm.handle_, &product, &weight, &x, &y, &y, &preference,
                                     std::min(count, kTunedWays), results.data(),
                                     &found) != CUBLAS_STATUS_SUCCESS) {
    return {};
  }
  std::vector<cublasLtMatmulAlgo_t> ways;
  for (int i = 0; i < found; ++i) {
    if (results[i].state == CUBLAS_STATUS_SUCCESS) ways.push_back(results[i].algo);
  }
  return ways;
}

absl::StatusOr<std::unique_ptr<Gemm>> Gemm::Create(void* workspace, size_t workspace_bytes) {
  cublasLtHandle_t handle = nullptr;
  const cublasStatus_t status = cublasLtCreate(&handle);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return absl::UnavailableError(
        absl::StrCat("cuBLASLt does not start: ", cublasLtGetStatusString(status)));
  }
  return std::unique_ptr<Gemm>(new Gemm(handle, workspace, workspace_bytes));
}

Gemm::Gemm(cublasLtHandle_t handle, void* workspace, size_t workspace_bytes)
    : handle_(handle), workspace_(workspace), workspace_bytes_(workspace_bytes) {}

Gemm::~Gemm() { cublasLtDestroy(handle_); }

Gemm::Key Gemm::KeyOf(const GemmParams& p) {
  return Key(p.type, p.rows, p.in_features, p.out_features, p.x_stride, p.y_stride,
             p.bias != nullptr, SharedAlignment(p));
}

absl::StatusOr<cublasLtMatmulAlgo_t> Gemm::Choose(const GemmParams& params) {
  if (const auto tuned = tuned_.find(KeyOf(params)); tuned != tuned_.end()) return tuned->second;
  GemmParams p = params;
  p.rows = RowBucket(params.rows);
  const Key key = KeyOf(p);
  if (const auto chosen = chosen_.find(key); chosen != chosen_.end()) return chosen->second;
  Call call;
  if (absl::Status status = CublasStatus(call.Init(p), p); !status.ok()) return status;
  const std::vector<cublasLtMatmulAlgo_t> ways = call.Ways(*this, p, 1);
  if (ways.empty()) return NoWay(p);
  chosen_.emplace(key, ways.front());
  return ways.front();
}

absl::Status Gemm::Run(const GemmParams& params, cudaStream_t stream) {
  if (absl::Status status = Check(params); !status.ok()) return status;
  if (params.rows == 0) return absl::OkStatus();
  Call call;
  if (absl::Status status = CublasStatus(call.Init(params), params); !status.ok()) return status;
  const absl::StatusOr<cublasLtMatmulAlgo_t> way = Choose(params);
  if (!way.ok()) return way.status();
  return CublasStatus(call.Enqueue(*this, params, *way, stream), params);
}

// Milliseconds of kTunedRuns runs; infinite where the way does not run.
absl::StatusOr<float> Gemm::Measure(const GemmParams& params, Call& call,
                                    const cublasLtMatmulAlgo_t& way, cudaStream_t stream) {
  Event start;
  Event stop;
  float ms = 0;
  cudaError_t error = cudaEventCreate(&start.event);
  if (error == cudaSuccess) error = cudaEventCreate(&stop.event);
  // The first run also loads the code.
  for (int run = 0; run <= kTunedRuns && error == cudaSuccess; ++run) {
    if (run == 1) error = cudaEventRecord(start.event, stream);
    if (call.Enqueue(*this, params, way, stream) != CUBLAS_STATUS_SUCCESS) {
      return std::numeric_limits<float>::infinity();
    }
  }
  if (error == cudaSuccess) error = cudaEventRecord(stop.event, stream);
  if (error == cudaSuccess) error = cudaEventSynchronize(stop.event);
  if (error == cudaSuccess) error = cudaEventElapsedTime(&ms, start.event, stop.event);
  if (error == cudaSuccess) return ms;
  return absl::InternalError(
      absl::StrCat("CUDA: ", cudaGetErrorString(error), ": ", Describe(params)));
}

absl::Status Gemm::Tune(const GemmParams& params, cudaStream_t stream) {
  if (absl::Status status = Check(params); !status.ok()) return status;
  if (params.rows == 0) return absl::OkStatus();
  Call call;
  if (absl::Status status = CublasStatus(call.Init(params), params); !status.ok()) return status;
  float best_ms = std::numeric_limits<float>::infinity();
  for (const cublasLtMatmulAlgo_t& way : call.Ways(*this, params, kTunedWays)) {
    const absl::StatusOr<float> ms = Measure(params, call, way, stream);
    if (!ms.ok()) return ms.status();
    if (*ms >= best_ms) continue;
    best_ms = *ms;
    tuned_.insert_or_assign(KeyOf(params), way);
  }
  return std::isinf(best_ms) ? NoWay(params) : absl::OkStatus();
}

}  // namespace glyph::vlm::kernels
