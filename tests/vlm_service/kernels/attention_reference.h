#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "tests/vlm_service/kernels/device_array.h"
#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// softmax(scale * q * k) v of one query row over `tokens` keys in double; `offset(t)` is where the
// head_dim values of token t lie in k and in v.
template <typename T, typename Offset>
std::vector<float> AttendRow(const T* q, const std::vector<T>& k, const std::vector<T>& v,
                             int tokens, int head_dim, double scale, Offset offset) {
  std::vector<double> weights(tokens);
  for (int t = 0; t < tokens; ++t) {
    const T* row = k.data() + offset(t);
    double dot = 0;
    for (int d = 0; d < head_dim; ++d) dot += double{ToFloat(q[d])} * ToFloat(row[d]);
    weights[t] = dot * scale;
  }
  const double max = tokens > 0 ? *std::max_element(weights.begin(), weights.end()) : 0;
  std::vector<double> sums(head_dim);
  double total = 0;
  for (int t = 0; t < tokens; ++t) {
    const double weight = std::exp(weights[t] - max);
    const T* row = v.data() + offset(t);
    for (int d = 0; d < head_dim; ++d) sums[d] += weight * ToFloat(row[d]);
    total += weight;
  }
  std::vector<float> out(head_dim);
  for (int d = 0; d < head_dim && tokens > 0; ++d) out[d] = static_cast<float>(sums[d] / total);
  return out;
}

// A paged cache of some sequences, in blocks dealt out at random. Slots past a sequence's end are
// NaN, table entries past it -1.
template <typename T>
struct PagedCache {
  PagedCache(const std::vector<int32_t>& lengths, int kv_heads, int head_dim, int block_tokens,
             std::mt19937& random)
      : kv_heads(kv_heads), head_dim(head_dim), block_tokens(block_tokens) {
    int blocks = 3;  // some are no one's
    for (const int length : lengths) {
      const int needed = (length + block_tokens - 1) / block_tokens;
      blocks += needed;
      table_stride = std::max<int64_t>(table_stride, needed + 1);
    }
    std::vector<int32_t> order(blocks);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    const size_t size = static_cast<size_t>(blocks) * kv_heads * block_tokens * head_dim;
    k.assign(size, FromFloat<T>(NAN));
    v.assign(size, FromFloat<T>(NAN));
    tables.assign(lengths.size() * table_stride, -1);
    for (size_t row = 0; row < lengths.size(); ++row) {
      for (int t = 0; t < lengths[row]; ++t) {
        int32_t& block = tables[row * table_stride + t / block_tokens];
        if (t % block_tokens == 0) {
          block = order.back();
          order.pop_back();
        }
        for (int head = 0; head < kv_heads; ++head) Fill(Offset(row, head, t), random);
      }
    }
  }

  int64_t Offset(size_t row, int kv_head, int token) const {
    const int64_t block = tables[row * table_stride + token / block_tokens];
    return ((block * kv_heads + kv_head) * block_tokens + token % block_tokens) * head_dim;
  }

  int kv_heads;
  int head_dim;
  int block_tokens;
  int64_t table_stride = 1;
  std::vector<int32_t> tables;
  std::vector<T> k;
  std::vector<T> v;

 private:
  void Fill(int64_t offset, std::mt19937& random) {
    const auto keys = RandomValues<T>(head_dim, random);
    const auto values = RandomValues<T>(head_dim, random);
    std::copy(keys.begin(), keys.end(), k.begin() + offset);
    std::copy(values.begin(), values.end(), v.begin() + offset);
  }
};

template <typename T>
constexpr Element ElementOf() {
  return sizeof(T) == 4 ? Element::kFloat32 : Element::kBFloat16;
}

// Of values about 1: bf16 rounds softmax's numerators and the result, float32 only sums.
template <typename T>
constexpr double AttentionTolerance() {
  return sizeof(T) == 4 ? 2e-5 : 8e-3;
}

}  // namespace glyph::vlm::kernels
