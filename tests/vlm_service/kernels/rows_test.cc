#include "vlm_service/kernels/rows.h"

#include <algorithm>
#include <numeric>

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

constexpr size_t kSourceRows = 2500;

template <typename T>
struct RowsTest : ::testing::Test {
  // Any bits: what moves is not computed with.
  std::vector<T> Random(size_t count) {
    std::vector<T> values(count);
    for (T& value : values) {
      const auto bits = static_cast<uint32_t>(random());
      std::memcpy(&value, &bits, sizeof(T));
    }
    return values;
  }
  // Distinct, of several one negative.
  std::vector<int32_t> Indices(size_t count) {
    std::vector<int32_t> indices(kSourceRows);
    std::iota(indices.begin(), indices.end(), 0);
    std::shuffle(indices.begin(), indices.end(), random);
    indices.resize(count);
    if (count > 1) indices[count / 2] = -1;
    return indices;
  }

  std::mt19937 random{4};
};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(RowsTest, Elements);

// Copies row `index` of `source` to row `row` of `out`; none where the index is negative.
template <typename From, typename To>
void MoveRow(const std::vector<From>& source, int64_t index, std::vector<To>& out, int64_t row,
             size_t width) {
  if (index < 0 || row < 0) return;
  const auto from = source.begin() + index * static_cast<int64_t>(width);
  const auto to = out.begin() + row * static_cast<int64_t>(width);
  if constexpr (std::is_same_v<From, To>) {
    std::copy_n(from, width, to);
  } else {
    std::transform(from, from + static_cast<int64_t>(width), to,
                   [](From value) { return ToFloat(value); });
  }
}

// Calls `check` with counts and widths of rows, and layouts.
template <typename Function>
void ForShapes(Function check) {
  for (const size_t rows : {size_t{1}, size_t{3}, size_t{2000}}) {
    for (const size_t width : {size_t{1}, size_t{13}, size_t{192}, size_t{4096}, size_t{5000}}) {
      for (const RowLayout& layout : kRowLayouts) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
        check(rows, width, layout);
      }
    }
  }
}

TYPED_TEST(RowsTest, GathersAsFloat32) {
  using T = TypeParam;
  ForShapes([&](size_t rows, size_t width, RowLayout layout) {
    const std::vector<T> values = this->Random(kSourceRows * width);
    const std::vector<int32_t> indices = this->Indices(rows);
    const GuardedRows<T> source(kSourceRows, width, layout, values);
    const DeviceArray<int32_t> index(indices);
    GuardedRows<float> out(rows, width, layout);
    Check(LaunchGatherRows({.element = ElementOf<T>(),
                            .source = source.get(),
                            .source_stride = source.stride(),
                            .indices = index.get(),
                            .out = out.get(),
                            .out_stride = out.stride(),
                            .rows = static_cast<int64_t>(rows),
                            .width = static_cast<int64_t>(width)},
                           nullptr));
    std::vector<float> expected = Poisoned<float>(rows * width);
    for (size_t row = 0; row < rows; ++row) {
      MoveRow(values, indices[row], expected, static_cast<int64_t>(row), width);
    }
    EXPECT_TRUE(SameBits(out.Read(), expected));
  });
}

TYPED_TEST(RowsTest, Scatters) {
  using T = TypeParam;
  ForShapes([&](size_t rows, size_t width, RowLayout layout) {
    const std::vector<T> values = this->Random(rows * width);
    const std::vector<int32_t> indices = this->Indices(rows);
    const GuardedRows<T> source(rows, width, layout, values);
    const DeviceArray<int32_t> index(indices);
    GuardedRows<T> out(kSourceRows, width, layout);
    Check(LaunchScatterRows({.element = ElementOf<T>(),
                             .source = source.get(),
                             .source_stride = source.stride(),
                             .indices = index.get(),
                             .out = out.get(),
                             .out_stride = out.stride(),
                             .rows = static_cast<int64_t>(rows),
                             .width = static_cast<int64_t>(width)},
                            nullptr));
    std::vector<T> expected = Poisoned<T>(kSourceRows * width);
    for (size_t row = 0; row < rows; ++row) {
      MoveRow(values, static_cast<int64_t>(row), expected, indices[row], width);
    }
    EXPECT_TRUE(SameBits(out.Read(), expected));
  });
}

TYPED_TEST(RowsTest, EmbedsTheLastTokenOfEachSlotAsFloat32) {
  using T = TypeParam;
  constexpr size_t kSlots = 20;
  constexpr size_t kWidth = 4096;
  const std::vector<T> values = this->Random(kSourceRows * kWidth);
  const std::vector<int32_t> tokens = this->Indices(kSlots);
  const std::vector<int32_t> slots = {7, 0, -1, 19, 7, 10};  // 10 has no token
  const DeviceArray<T> table(values);
  const DeviceArray<int32_t> last_token(tokens);
  const DeviceArray<int32_t> slot(slots);
  GuardedRows<float> out(slots.size(), kWidth, {});
  Check(LaunchEmbedTokens({.element = ElementOf<T>(),
                           .table = table.get(),
                           .table_stride = kWidth,
                           .last_token = last_token.get(),
                           .slots = slot.get(),
                           .out = out.get(),
                           .out_stride = out.stride(),
                           .rows = static_cast<int64_t>(slots.size()),
                           .width = kWidth},
                          nullptr));
  std::vector<float> expected = Poisoned<float>(slots.size() * kWidth);
  for (size_t row = 0; row < slots.size(); ++row) {
    const int32_t token = slots[row] < 0 ? -1 : tokens[static_cast<size_t>(slots[row])];
    MoveRow(values, token, expected, static_cast<int64_t>(row), kWidth);
  }
  EXPECT_TRUE(SameBits(out.Read(), expected));
}

TYPED_TEST(RowsTest, NoRowsAreNoWork) {
  const Element element = ElementOf<TypeParam>();
  EXPECT_EQ(LaunchGatherRows({.element = element, .rows = 0, .width = 8}, nullptr), cudaSuccess);
  EXPECT_EQ(LaunchGatherRows({.element = element, .rows = 1, .width = 0}, nullptr),
            cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
