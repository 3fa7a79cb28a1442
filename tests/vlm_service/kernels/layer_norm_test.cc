#include "vlm_service/kernels/layer_norm.h"

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

constexpr float kEps = 1e-5f;

template <typename T>
class LayerNormTest : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(LayerNormTest, Elements);

// In units of the normalised value, which is about 1; bfloat16 may round to the other neighbour.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, float> ? 2e-5 : 0.008;

TYPED_TEST(LayerNormTest, NormalisesRows) {
  using T = TypeParam;
  std::mt19937 random(2);
  const std::pair<size_t, size_t> shapes[] = {{1, 4096}, {3, 4096}, {200, 1536}, {9, 384},
                                              {4, 13},   {2, 1540}, {2, 40000},  {1, 1}};
  for (const auto& [rows, width] : shapes) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
      std::vector<T> values = RandomValues<T>(rows * width, random, 2.0f);
      for (T& value : values) value = FromFloat<T>(ToFloat(value) + 30.0f);  // a mean that counts
      const std::vector<T> weights = RandomValues<T>(width, random);
      const std::vector<T> biases = RandomValues<T>(width, random);
      const GuardedRows<T> x(rows, width, layout, values);
      const DeviceArray<T> weight(weights);
      const DeviceArray<T> bias(biases);
      GuardedRows<T> out(rows, width, layout);
      Check(LaunchLayerNorm({.element = ElementOf<T>(),
                             .x = x.get(),
                             .x_stride = x.stride(),
                             .weight = weight.get(),
                             .bias = bias.get(),
                             .out = out.get(),
                             .out_stride = out.stride(),
                             .rows = static_cast<int64_t>(rows),
                             .width = static_cast<int64_t>(width),
                             .eps = kEps},
                            nullptr));
      std::vector<float> expected(rows * width);
      for (size_t row = 0; row < expected.size(); row += width) {
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < width; ++i) mean += ToFloat(values[row + i]);
        mean /= static_cast<double>(width);
        for (size_t i = 0; i < width; ++i) variance += std::pow(ToFloat(values[row + i]) - mean, 2);
        variance /= static_cast<double>(width);
        for (size_t i = 0; i < width; ++i) {
          const double normed = (ToFloat(values[row + i]) - mean) / std::sqrt(variance + kEps);
          expected[row + i] =
              RoundTo<T>(static_cast<float>(normed * ToFloat(weights[i]) + ToFloat(biases[i])));
        }
      }
      EXPECT_LE(MaxRelativeError(out.Read(), expected, 1.0), kTolerance<T>);
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
