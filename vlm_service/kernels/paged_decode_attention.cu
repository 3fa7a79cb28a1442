#include "vlm_service/kernels/decode_chunks.cuh"
#include "vlm_service/kernels/paged_decode_attention.h"
#include "vlm_service/kernels/paged_decode_bf16.cuh"
#include "vlm_service/kernels/paged_decode_float32.cuh"

namespace glyph::vlm::kernels {
namespace {

bool IsValid(const PagedDecodeAttentionParams& p) {
  return p.rows >= 0 && p.heads > 0 && p.kv_heads > 0 && p.heads % p.kv_heads == 0 &&
         p.heads / p.kv_heads <= 16 && (p.head_dim == 64 || p.head_dim == 128) &&
         p.block_tokens > 0 && p.block_tokens % 16 == 0 && p.q_row_stride % 2 == 0 &&
         p.max_chunks > p.rows && p.num_ctas >= 0;
}

template <typename Shared>
cudaError_t Launch(void (*kernel)(PagedDecodeAttentionParams), const PagedDecodeAttentionParams& p,
                   cudaStream_t stream) {
  int ctas = p.num_ctas;
  if (ctas == 0) {
    int device = 0;
    if (cudaError_t error = cudaGetDevice(&device)) return error;
    int processors = 0;
    if (cudaError_t error =
            cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device)) {
      return error;
    }
    ctas = 3 * processors;
  }
  const size_t shared_bytes = sizeof(Shared) + (static_cast<size_t>(p.rows) + 1) * sizeof(int32_t);
  if (cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               static_cast<int>(shared_bytes))) {
    return error;
  }
  kernel<<<ctas, kDecodeThreads, shared_bytes, stream>>>(p);
  return cudaGetLastError();
}

}  // namespace

int64_t PagedDecodeWorkspaceBytes(int32_t max_chunks, int32_t heads, int32_t kv_heads,
                                  int32_t head_dim) {
  return DecodeWorkspace::Bytes(max_chunks, heads, kv_heads, head_dim);
}

cudaError_t LaunchPagedDecodeAttention(const PagedDecodeAttentionParams& params,
                                       cudaStream_t stream) {
  if (!IsValid(params)) return cudaErrorInvalidValue;
  if (params.rows == 0) return cudaSuccess;
  if (params.element == Element::kBFloat16) {
    return params.head_dim == 128 ? Launch<Bf16Shared<128>>(DecodeBf16Kernel<128>, params, stream)
                                  : Launch<Bf16Shared<64>>(DecodeBf16Kernel<64>, params, stream);
  }
  return params.head_dim == 128
             ? Launch<Float32Shared<128>>(DecodeFloat32Kernel<128>, params, stream)
             : Launch<Float32Shared<64>>(DecodeFloat32Kernel<64>, params, stream);
}

}  // namespace glyph::vlm::kernels
