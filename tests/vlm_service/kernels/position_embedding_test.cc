#include "vlm_service/kernels/position_embedding.h"

#include <algorithm>

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

template <typename T>
class PositionEmbeddingTest : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(PositionEmbeddingTest, Elements);

// bfloat16 may round the resampled value and then the sum, both about 1 here, to other neighbours.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 0.02;

// Keys' cubic convolution with A = -0.75.
double Cubic(double x) {
  constexpr double kA = -0.75;
  x = std::abs(x);
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA;
}

// Where patch `position` of `size` lies on a table of `side`, rounded as PyTorch does.
float Coordinate(int position, int size, int side) {
  const float share = (static_cast<float>(position) + 0.5f) / static_cast<float>(size);
  const float normalised = share * 2.0f - 1.0f;
  return ((normalised + 1.0f) * static_cast<float>(side) - 1.0f) / 2.0f;
}

struct Shape {
  int grid_rows;
  int grid_cols;
  int side;
  size_t width;
};

TYPED_TEST(PositionEmbeddingTest, ResamplesAndAdds) {
  using T = TypeParam;
  std::mt19937 random(6);
  // The 9B model's table on a page, one patch, larger and smaller pages, odd widths.
  for (const Shape& s : {Shape{22, 6, 24, 1536},
                         {1, 1, 24, 192},
                         {24, 24, 24, 64},
                         {3, 70, 24, 40},
                         {5, 7, 3, 13},
                         {2, 2, 1, 8},
                         {4, 4, 24, 3000}}) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << s.grid_rows << " x " << s.grid_cols << " x " << s.width
                                        << " + " << layout.padding);
      const auto patches = static_cast<size_t>(s.grid_rows * s.grid_cols);
      const auto side = static_cast<size_t>(s.side);
      std::vector<int32_t> rows(patches);
      std::vector<int32_t> columns(patches);
      for (size_t i = 0; i < patches; ++i) {  // in any order
        const size_t place = i * 5 % 7 == 0 ? patches - 1 - i : i;
        rows[i] = static_cast<int32_t>(place) / s.grid_cols;
        columns[i] = static_cast<int32_t>(place) % s.grid_cols;
      }
      const std::vector<T> values = RandomValues<T>(patches * s.width, random);
      const std::vector<T> learned = RandomValues<T>(side * side * s.width, random);
      GuardedRows<T> x(patches, s.width, layout, values);
      const DeviceArray<T> table(learned);
      const DeviceArray<int32_t> row(rows);
      const DeviceArray<int32_t> column(columns);
      Check(LaunchAddPositionEmbedding({.element = ElementOf<T>(),
                                        .x = x.get(),
                                        .x_stride = x.stride(),
                                        .patches = static_cast<int64_t>(patches),
                                        .width = static_cast<int32_t>(s.width),
                                        .table = table.get(),
                                        .side = s.side,
                                        .rows = row.get(),
                                        .columns = column.get(),
                                        .grid_rows = s.grid_rows,
                                        .grid_cols = s.grid_cols},
                                       nullptr));
      std::vector<float> expected(patches * s.width);
      for (size_t i = 0; i < patches; ++i) {
        const float y = Coordinate(rows[i], s.grid_rows, s.side);
        const float x_at = Coordinate(columns[i], s.grid_cols, s.side);
        std::vector<double> sampled(s.width, 0.0);
        for (int tap = 0; tap < 16; ++tap) {
          const int tap_row = static_cast<int>(std::floor(y)) - 1 + tap / 4;
          const int tap_column = static_cast<int>(std::floor(x_at)) - 1 + tap % 4;
          const double weight = Cubic(y - tap_row) * Cubic(x_at - tap_column);
          const int from =
              std::clamp(tap_row, 0, s.side - 1) * s.side + std::clamp(tap_column, 0, s.side - 1);
          for (size_t k = 0; k < s.width; ++k) {
            sampled[k] += weight * ToFloat(learned[static_cast<size_t>(from) * s.width + k]);
          }
        }
        for (size_t k = 0; k < s.width; ++k) {
          expected[i * s.width + k] = RoundTo<T>(ToFloat(values[i * s.width + k]) +
                                                 RoundTo<T>(static_cast<float>(sampled[k])));
        }
      }
      EXPECT_LE(MaxRelativeError(x.Read(), expected, 1.0), kTolerance<T>);
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
