#include "vlm_service/kernels/rotary.h"

#include <algorithm>
#include <numeric>

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

constexpr int kPositions = 300;
constexpr int kBlockTokens = 16;
constexpr int kBlocks = 50;

// Cosines and sines of kPositions positions, and where rows lie.
template <typename T>
struct Angles {
  std::vector<int32_t> axis;
  std::vector<float> cos;
  std::vector<float> sin;
  std::vector<int32_t> positions;  // [axes, rows]

  // Frequencies of neighbouring numbers have different axes at some places.
  Angles(int axes, int half, size_t rows, bool rounded, std::mt19937& random) {
    for (int i = 0; i < half; ++i) axis.push_back(i * axes / half);
    for (int i = 0; i < kPositions * half; ++i) {
      const double angle = i / half * std::pow(100.0, -static_cast<double>(i % half) / half);
      const auto cosine = static_cast<float>(std::cos(angle));
      const auto sine = static_cast<float>(std::sin(angle));
      cos.push_back(rounded ? RoundTo<T>(cosine) : cosine);
      sin.push_back(rounded ? RoundTo<T>(sine) : sine);
    }
    std::uniform_int_distribution<int32_t> position(0, kPositions - 1);
    for (size_t i = 0; i < static_cast<size_t>(axes) * rows; ++i) {
      positions.push_back(position(random));
    }
  }

  size_t At(size_t row, size_t i, size_t rows) const {
    const size_t position_of = static_cast<size_t>(axis[i]) * rows + row;
    return static_cast<size_t>(positions[position_of]) * axis.size() + i;
  }
};

template <typename T>
class RotaryTest : public ::testing::Test {
 protected:
  std::mt19937 random_{5};
};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(RotaryTest, Elements);

struct TextShape {
  size_t heads;
  size_t kv_heads;
  size_t head_dim;
  size_t half;
};

// The 9B model, others, one that 16 bytes do not divide, one that rotates everything.
const TextShape kTextShapes[] = {{32, 2, 128, 32}, {3, 1, 32, 8}, {4, 4, 10, 3}, {70, 2, 64, 32}};

template <typename T>
void RotateAdjacent(T* x, const Angles<T>& angles, size_t row, size_t rows) {
  for (size_t i = 0; i < angles.axis.size(); ++i) {
    const float cosine = angles.cos[angles.At(row, i, rows)];
    const float sine = angles.sin[angles.At(row, i, rows)];
    const float a = ToFloat(x[2 * i]);
    const float b = ToFloat(x[2 * i + 1]);
    x[2 * i] = FromFloat<T>(RoundTo<T>(a * cosine) + RoundTo<T>(-b * sine));
    x[2 * i + 1] = FromFloat<T>(RoundTo<T>(b * cosine) + RoundTo<T>(a * sine));
  }
}

TYPED_TEST(RotaryTest, TextRotatesQueriesAndFillsTheCache) {
  using T = TypeParam;
  for (const TextShape& s : kTextShapes) {
    for (const size_t rows : {size_t{1}, size_t{7}, size_t{700}}) {
      for (const RowLayout& layout : kRowLayouts) {
        SCOPED_TRACE(::testing::Message() << s.heads << " heads of " << s.head_dim << ", " << rows
                                          << " rows + " << layout.padding);
        const size_t width = (s.heads + 2 * s.kv_heads) * s.head_dim;
        const Angles<T> angles(3, static_cast<int>(s.half), rows, true, this->random_);
        std::vector<T> values = RandomValues<T>(rows * width, this->random_);
        std::vector<int32_t> positions = angles.positions;
        std::vector<int32_t> slots(kBlocks * kBlockTokens);
        std::iota(slots.begin(), slots.end(), 0);
        std::shuffle(slots.begin(), slots.end(), this->random_);
        slots.resize(rows);
        for (size_t row = 2; row < rows; row += 5) {  // padding
          slots[row] = -1;
          for (size_t axis = 0; axis < 3; ++axis) positions[axis * rows + row] = 1 << 30;
        }
        GuardedRows<T> qkv(rows, width, layout, values);
        const size_t cache_rows = kBlocks * s.kv_heads * kBlockTokens;
        GuardedRows<T> k_cache(cache_rows, s.head_dim, {.shift = layout.shift});
        GuardedRows<T> v_cache(cache_rows, s.head_dim, {.shift = layout.shift});
        const DeviceArray<int32_t> position(positions);
        const DeviceArray<int32_t> axis(angles.axis);
        const DeviceArray<float> cos(angles.cos);
        const DeviceArray<float> sin(angles.sin);
        const DeviceArray<int32_t> slot(slots);
        Check(LaunchTextRotary({.element = ElementOf<T>(),
                                .qkv = qkv.get(),
                                .qkv_stride = qkv.stride(),
                                .rows = static_cast<int64_t>(rows),
                                .heads = static_cast<int32_t>(s.heads),
                                .kv_heads = static_cast<int32_t>(s.kv_heads),
                                .head_dim = static_cast<int32_t>(s.head_dim),
                                .half = static_cast<int32_t>(s.half),
                                .positions = position.get(),
                                .axis_stride = static_cast<int64_t>(rows),
                                .axis = axis.get(),
                                .cos = cos.get(),
                                .sin = sin.get(),
                                .k_cache = k_cache.get(),
                                .v_cache = v_cache.get(),
                                .block_tokens = kBlockTokens,
                                .slots = slot.get()},
                               nullptr));
        std::vector<T> k = Poisoned<T>(cache_rows * s.head_dim);
        std::vector<T> v = k;
        for (size_t row = 0; row < rows; ++row) {
          if (slots[row] < 0) continue;
          T* heads = values.data() + row * width;
          for (size_t head = 0; head < s.heads; ++head) {
            RotateAdjacent(heads + head * s.head_dim, angles, row, rows);
          }
          for (size_t head = 0; head < s.kv_heads; ++head) {
            const auto place = static_cast<size_t>(slots[row]);
            const size_t cache_row =
                (place / kBlockTokens * s.kv_heads + head) * kBlockTokens + place % kBlockTokens;
            T* key = k.data() + cache_row * s.head_dim;
            const T* from = heads + (s.heads + head) * s.head_dim;
            std::copy_n(from, s.head_dim, key);
            RotateAdjacent(key, angles, row, rows);
            std::copy_n(from + s.kv_heads * s.head_dim, s.head_dim,
                        v.data() + cache_row * s.head_dim);
          }
        }
        EXPECT_TRUE(SameBits(qkv.Read(), values));
        EXPECT_TRUE(SameBits(k_cache.Read(), k));
        EXPECT_TRUE(SameBits(v_cache.Read(), v));
      }
    }
  }
}

TYPED_TEST(RotaryTest, VisionRotatesQueriesAndKeys) {
  using T = TypeParam;
  struct VisionShape {
    size_t heads;
    size_t head_dim;
    size_t half;
  };
  for (const VisionShape& s : {VisionShape{12, 128, 64}, {2, 10, 5}, {6, 64, 32}, {3, 48, 16}}) {
    for (const size_t rows : {size_t{1}, size_t{7}, size_t{300}}) {
      for (const RowLayout& layout : kRowLayouts) {
        SCOPED_TRACE(::testing::Message() << s.heads << " heads of " << s.head_dim << ", " << rows
                                          << " rows + " << layout.padding);
        const size_t width = 3 * s.heads * s.head_dim;
        const Angles<T> angles(2, static_cast<int>(s.half), rows, false, this->random_);
        std::vector<T> values = RandomValues<T>(rows * width, this->random_);
        GuardedRows<T> qkv(rows, width, layout, values);
        const DeviceArray<int32_t> position(angles.positions);
        const DeviceArray<int32_t> axis(angles.axis);
        const DeviceArray<float> cos(angles.cos);
        const DeviceArray<float> sin(angles.sin);
        Check(LaunchVisionRotary({.element = ElementOf<T>(),
                                  .qkv = qkv.get(),
                                  .qkv_stride = qkv.stride(),
                                  .rows = static_cast<int64_t>(rows),
                                  .heads = static_cast<int32_t>(s.heads),
                                  .head_dim = static_cast<int32_t>(s.head_dim),
                                  .half = static_cast<int32_t>(s.half),
                                  .positions = position.get(),
                                  .axis_stride = static_cast<int64_t>(rows),
                                  .axis = axis.get(),
                                  .cos = cos.get(),
                                  .sin = sin.get()},
                                 nullptr));
        for (size_t row = 0; row < rows; ++row) {
          for (size_t head = 0; head < 2 * s.heads; ++head) {
            T* x = values.data() + row * width + head * s.head_dim;
            for (size_t i = 0; i < s.half; ++i) {
              const float cosine = angles.cos[angles.At(row, i, rows)];
              const float sine = angles.sin[angles.At(row, i, rows)];
              const float a = ToFloat(x[i]);
              const float b = ToFloat(x[i + s.half]);
              x[i] = FromFloat<T>(a * cosine - b * sine);
              x[i + s.half] = FromFloat<T>(b * cosine + a * sine);
            }
          }
        }
        EXPECT_TRUE(SameBits(qkv.Read(), values));
      }
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
