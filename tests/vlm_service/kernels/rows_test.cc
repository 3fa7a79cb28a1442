#include "vlm_service/kernels/rows.h"

#include <algorithm>
#include <numeric>

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

constexpr size_t kSourceRows = 2500;

// Rows of 16-bit units.
struct RowsTest : ::testing::Test {
  std::vector<uint16_t> Random(size_t count) {
    std::vector<uint16_t> values(count);
    for (uint16_t& value : values) value = static_cast<uint16_t>(random());
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

// Calls `check` with counts and widths of rows, in 16-bit units, and layouts.
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

TEST_F(RowsTest, Gathers) {
  ForShapes([&](size_t rows, size_t width, RowLayout layout) {
    const std::vector<uint16_t> values = Random(kSourceRows * width);
    const std::vector<int32_t> indices = Indices(rows);
    const GuardedRows<uint16_t> source(kSourceRows, width, layout, values);
    const DeviceArray<int32_t> index(indices);
    GuardedRows<uint16_t> out(rows, width, layout);
    Check(LaunchGatherRows({.source = source.get(),
                            .source_stride_bytes = 2 * source.stride(),
                            .indices = index.get(),
                            .out = out.get(),
                            .out_stride_bytes = 2 * out.stride(),
                            .rows = static_cast<int64_t>(rows),
                            .row_bytes = static_cast<int64_t>(2 * width)},
                           nullptr));
    std::vector<uint16_t> expected = Poisoned<uint16_t>(rows * width);
    for (size_t row = 0; row < rows; ++row) {
      if (indices[row] < 0) continue;
      std::copy_n(values.begin() + indices[row] * static_cast<int64_t>(width), width,
                  expected.begin() + static_cast<int64_t>(row * width));
    }
    EXPECT_TRUE(SameBits(out.Read(), expected));
  });
}

TEST_F(RowsTest, Scatters) {
  ForShapes([&](size_t rows, size_t width, RowLayout layout) {
    const std::vector<uint16_t> values = Random(rows * width);
    const std::vector<int32_t> indices = Indices(rows);
    const GuardedRows<uint16_t> source(rows, width, layout, values);
    const DeviceArray<int32_t> index(indices);
    GuardedRows<uint16_t> out(kSourceRows, width, layout);
    Check(LaunchScatterRows({.source = source.get(),
                             .source_stride_bytes = 2 * source.stride(),
                             .indices = index.get(),
                             .out = out.get(),
                             .out_stride_bytes = 2 * out.stride(),
                             .rows = static_cast<int64_t>(rows),
                             .row_bytes = static_cast<int64_t>(2 * width)},
                            nullptr));
    std::vector<uint16_t> expected = Poisoned<uint16_t>(kSourceRows * width);
    for (size_t row = 0; row < rows; ++row) {
      if (indices[row] < 0) continue;
      std::copy_n(values.begin() + static_cast<int64_t>(row * width), width,
                  expected.begin() + indices[row] * static_cast<int64_t>(width));
    }
    EXPECT_TRUE(SameBits(out.Read(), expected));
  });
}

TEST_F(RowsTest, EmbedsTheLastTokenOfEachSlot) {
  constexpr size_t kSlots = 20;
  constexpr size_t kWidth = 4096;
  const std::vector<uint16_t> values = Random(kSourceRows * kWidth);
  const std::vector<int32_t> tokens = Indices(kSlots);
  const std::vector<int32_t> slots = {7, 0, -1, 19, 7, 10};  // 10 has no token
  const DeviceArray<uint16_t> table(values);
  const DeviceArray<int32_t> last_token(tokens);
  const DeviceArray<int32_t> slot(slots);
  GuardedRows<uint16_t> out(slots.size(), kWidth, {});
  Check(LaunchEmbedTokens({.table = table.get(),
                           .table_stride_bytes = 2 * kWidth,
                           .last_token = last_token.get(),
                           .slots = slot.get(),
                           .out = out.get(),
                           .out_stride_bytes = out.stride() * 2,
                           .rows = static_cast<int64_t>(slots.size()),
                           .row_bytes = 2 * kWidth},
                          nullptr));
  std::vector<uint16_t> expected = Poisoned<uint16_t>(slots.size() * kWidth);
  for (size_t row = 0; row < slots.size(); ++row) {
    const int32_t token = slots[row] < 0 ? -1 : tokens[static_cast<size_t>(slots[row])];
    if (token < 0) continue;
    std::copy_n(values.begin() + token * static_cast<int64_t>(kWidth), kWidth,
                expected.begin() + static_cast<int64_t>(row * kWidth));
  }
  EXPECT_TRUE(SameBits(out.Read(), expected));
}

TEST_F(RowsTest, RefusesOddBytes) {
  EXPECT_EQ(
      LaunchGatherRows({.source_stride_bytes = 4, .out_stride_bytes = 4, .rows = 1, .row_bytes = 3},
                       nullptr),
      cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
