#include "vlm_service/kernels/sequence_attention.h"
#include "vlm_service/kernels/sequence_bf16.cuh"
#include "vlm_service/kernels/sequence_float32.cuh"

namespace glyph::vlm::kernels {
namespace {

template <typename Params>
bool HasShape(const Params& p) {
  if (p.rows < 0 || p.heads <= 0 || p.heads > 65535) return false;
  if (p.head_dim != 64 && p.head_dim != 128) return false;
  return p.element == Element::kFloat32 ||
         (p.q_row_stride | p.q_head_stride | p.out_row_stride | p.out_head_stride) % 8 == 0;
}

template <typename Shared, int kRows, int kThreads, typename Params>
cudaError_t Launch(void (*kernel)(Params), const Params& p, cudaStream_t stream) {
  if (cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               sizeof(Shared))) {
    return error;
  }
  const dim3 grid((p.rows - 1) / kRows + 1, p.heads);
  kernel<<<grid, kThreads, sizeof(Shared), stream>>>(p);
  return cudaGetLastError();
}

template <int kHeadDim, template <typename> typename Source>
cudaError_t Launch(const typename Source<float>::Params& p, cudaStream_t stream) {
  if (p.rows == 0) return cudaSuccess;
  if (p.element == Element::kBFloat16) {
    return Launch<SequenceShared<kHeadDim>, kQueryRows, kSequenceThreads>(
        SequenceBf16Kernel<kHeadDim, Source<__nv_bfloat16>>, p, stream);
  }
  return Launch<SequenceFloatShared<kHeadDim>, kFloatRows, kFloatThreads>(
      SequenceFloat32Kernel<kHeadDim, Source<float>>, p, stream);
}

}  // namespace

cudaError_t LaunchFullAttention(const FullAttentionParams& params, cudaStream_t stream) {
  const bool aligned = params.element == Element::kFloat32 ||
                       (params.kv_row_stride | params.kv_head_stride) % 8 == 0;
  if (!HasShape(params) || params.tokens <= 0 || !aligned) return cudaErrorInvalidValue;
  return params.head_dim == 128 ? Launch<128, DenseSource>(params, stream)
                                : Launch<64, DenseSource>(params, stream);
}

cudaError_t LaunchCausalPagedAttention(const CausalPagedAttentionParams& params,
                                       cudaStream_t stream) {
  if (!HasShape(params) || params.kv_heads <= 0 || params.heads % params.kv_heads != 0 ||
      params.block_tokens <= 0 || params.block_tokens % 16 != 0) {
    return cudaErrorInvalidValue;
  }
  return params.head_dim == 128 ? Launch<128, PagedSource>(params, stream)
                                : Launch<64, PagedSource>(params, stream);
}

}  // namespace glyph::vlm::kernels
