#include "vlm_service/kernels/skinny_linear.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/vlm_service/kernels/linear_reference.h"

namespace glyph::vlm::kernels {
namespace {

// Half a unit in the last place of bfloat16 (2^-8) and what float32 sums of up to 13,696 products
// are off by, of values whose deviation is 1.
constexpr double kTolerance = 0.0045;
constexpr double kFloor = 0.05;

SkinnyLinearParams ParamsOf(const LinearShape& shape, const LinearOperands<Bf16>& operands) {
  SkinnyLinearParams params = {};
  params.x = operands.device_x.get();
  params.weight = operands.device_weight.get();
  params.bias = shape.bias ? operands.device_bias.get() : nullptr;
  params.y = operands.device_y.get();
  params.rows = shape.rows;
  params.in_features = shape.in_features;
  params.out_features = shape.out_features;
  params.x_stride = operands.x_stride;
  params.y_stride = operands.y_stride;
  return params;
}

cudaError_t Launch(const SkinnyLinearParams& params, cudaStream_t stream = nullptr) {
  return LaunchSkinnyLinear(params, stream);
}

void ExpectProduct(const LinearShape& shape, uint32_t seed) {
  SCOPED_TRACE(testing::Message() << "rows " << shape.rows << " out " << shape.out_features
                                  << " in " << shape.in_features << " bias " << shape.bias);
  const LinearOperands<Bf16> operands(shape, shape.out_features, seed);
  ASSERT_EQ(Launch(ParamsOf(shape, operands)), cudaSuccess);
  const std::vector<Bf16> y = operands.device_y.Read();
  EXPECT_LT(MaxRelativeError(DenseRows(y, shape.rows, shape.out_features, operands.y_stride),
                             LinearReference(shape, operands), kFloor),
            kTolerance);
  EXPECT_TRUE(PoisonIsWhole(y, shape.rows, shape.out_features, operands.y_stride));
}

TEST(SkinnyLinear, MultipliesAnyNumberOfRowsAndShape) {
  uint32_t seed = 1;
  for (const int64_t rows : {1, 2, 3, 5, 7, 8, 9, 15, 16}) {
    for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{
             {17 * 8, 384}, {1000, 1176}, {1, 8}, {133, 40}, {4608, 136}, {264, 4096}}) {
      ExpectProduct({rows, out, in, rows % 2 == 1, rows % 3 == 0 ? 8 : 0}, seed++);
    }
  }
}

TEST(SkinnyLinear, MultipliesByTheWeightsOfTheModel) {
  ExpectProduct({1, 4608, 4096, true, 0}, 100);
  ExpectProduct({3, 4096, 13696, false, 8}, 101);
  ExpectProduct({kMaxSkinnyRows, 4096, 4096, false, 0}, 102);
  ExpectProduct({1, 27392, 4096, false, 0}, 103);
}

TEST(SkinnyLinear, RowsDoNotDependOnOtherRows) {
  for (const auto& [out, in] :
       std::vector<std::pair<int64_t, int64_t>>{{4096, 1176}, {1000, 4096}, {512, 13696}}) {
    const LinearShape shape = {kMaxSkinnyRows, out, in, true, 0};
    const LinearOperands<Bf16> operands(shape, out, 7);
    SkinnyLinearParams params = ParamsOf(shape, operands);
    ASSERT_EQ(Launch(params), cudaSuccess);
    const std::vector<Bf16> together = operands.device_y.Read();
    for (int64_t first = 0; first < shape.rows; ++first) {
      for (int64_t rows = 1; first + rows <= shape.rows; rows += 3 + first) {
        params.x = operands.device_x.get() + first * operands.x_stride;
        params.rows = rows;
        ASSERT_EQ(Launch(params), cudaSuccess);
        const std::vector<Bf16> some = operands.device_y.Read();
        EXPECT_EQ(std::memcmp(some.data(), together.data() + first * out, rows * out * 2), 0)
            << "rows " << first << " + " << rows << " of " << out << " x " << in;
      }
    }
  }
}

TEST(SkinnyLinear, ARowOfNanStaysAlone) {
  const LinearShape shape = {9, 264, 384, false, 0};
  const LinearOperands<Bf16> operands(shape, shape.out_features, 8);
  const std::vector<Bf16> nan(shape.in_features, FromFloat<Bf16>(NAN));
  Check(cudaMemcpy(operands.device_x.get() + 2 * operands.x_stride, nan.data(), nan.size() * 2,
                   cudaMemcpyHostToDevice));
  ASSERT_EQ(Launch(ParamsOf(shape, operands)), cudaSuccess);
  const std::vector<Bf16> y = operands.device_y.Read();
  for (int64_t i = 0; i < shape.rows * shape.out_features; ++i) {
    EXPECT_EQ(std::isnan(ToFloat(y[i])), i / shape.out_features == 2);
  }
}

// What the gated epilogue makes of a product that is already rounded.
std::vector<float> Gated(const LinearShape& shape, const std::vector<Bf16>& product) {
  const int64_t half = shape.out_features / 2;
  std::vector<float> y(shape.rows * half);
  for (int64_t i = 0; i < shape.rows * half; ++i) {
    const int64_t at = i / half * shape.out_features + i % half;
    const float gate = ToFloat(product[at]);
    const auto silu = static_cast<float>(gate / (1.0 + std::exp(-static_cast<double>(gate))));
    y[i] = ToFloat(FromFloat<Bf16>(silu)) * ToFloat(product[at + half]);
  }
  return y;
}

TEST(SkinnyLinear, GatesAsSiluMulDoesAfterRounding) {
  uint32_t seed = 200;
  for (const int64_t rows : {1, 2, 7, 8, 9, 16}) {
    for (const auto& [out, in] :
         std::vector<std::pair<int64_t, int64_t>>{{2, 8}, {770, 384}, {4320, 1176}, {27392, 136}}) {
      const LinearShape shape = {rows, out, in, rows % 2 == 1, rows % 2 == 0 ? 3 * 8 : 0};
      SCOPED_TRACE(testing::Message() << "rows " << rows << " out " << out << " in " << in);
      const LinearOperands<Bf16> operands(shape, out, seed++);
      SkinnyLinearParams params = ParamsOf(shape, operands);
      ASSERT_EQ(Launch(params), cudaSuccess);
      const std::vector<Bf16> product =
          DenseRows(operands.device_y.Read(), rows, out, operands.y_stride);
      DeviceArray<Bf16> gated(rows * (out / 2 + 5) + 64);
      params.y = gated.get();
      params.y_stride = out / 2 + 5;
      params.gated = true;
      ASSERT_EQ(Launch(params), cudaSuccess);
      const std::vector<Bf16> y = gated.Read();
      // The sums are the same, so what differs is a silu at the edge of rounding: one unit of
      // bfloat16 (2^-7) of it, and half a unit of the result.
      EXPECT_LT(MaxRelativeError(DenseRows(y, rows, out / 2, params.y_stride),
                                 Gated(shape, product), 1e-30),
                0.0119);
      EXPECT_TRUE(PoisonIsWhole(y, rows, out / 2, params.y_stride));
    }
  }
}

// Each product is the next one's x; each must see all of the one before, also when captured.
TEST(SkinnyLinear, OverlapsWithTheKernelBeforeWithoutReadingItsResultEarly) {
  int major = 0;
  Check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  if (major < 9) GTEST_SKIP() << "overlap needs compute capability 9.0";
  constexpr int kChain = 20;
  const LinearShape shape = {3, 4096, 4096, true, 0};
  const LinearOperands<Bf16> operands(shape, shape.out_features, 9);
  const int64_t count = shape.rows * shape.out_features;
  std::vector<Bf16> results[2];
  for (const bool overlap : {false, true}) {
    DeviceArray<Bf16> values((kChain + 1) * count);
    Check(cudaMemcpy(values.get(), operands.device_x.get(), count * 2, cudaMemcpyDeviceToDevice));
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    Check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    Check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kChain; ++i) {
      SkinnyLinearParams params = ParamsOf(shape, operands);
      params.x = values.get() + i * count;
      params.y = values.get() + (i + 1) * count;
      params.overlap = overlap;
      ASSERT_EQ(Launch(params, stream), cudaSuccess);
    }
    Check(cudaStreamEndCapture(stream, &graph));
    Check(cudaGraphInstantiate(&exec, graph, 0));
    Check(cudaDeviceSynchronize());
    for (int launch = 0; launch < 3; ++launch) Check(cudaGraphLaunch(exec, stream));
    Check(cudaStreamSynchronize(stream));
    results[overlap] = values.Read();
    Check(cudaGraphExecDestroy(exec));
    Check(cudaGraphDestroy(graph));
    Check(cudaStreamDestroy(stream));
  }
  EXPECT_FALSE(std::isnan(ToFloat(results[1].back())));
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * 2), 0);
}

TEST(SkinnyLinear, RefusesWhatItsContractExcludes) {
  const LinearShape shape = {1, 16, 16, false, 0};
  const LinearOperands<Bf16> operands(shape, 16, 10);
  const SkinnyLinearParams good = ParamsOf(shape, operands);
  SkinnyLinearParams bad = good;
  bad.rows = kMaxSkinnyRows + 1;
  EXPECT_EQ(Launch(bad), cudaErrorInvalidValue);
  bad = good;
  bad.in_features = 12;
  EXPECT_EQ(Launch(bad), cudaErrorInvalidValue);
  bad = good;
  bad.x = operands.device_x.get() + 1;
  EXPECT_EQ(Launch(bad), cudaErrorInvalidValue);
  bad = good;
  bad.out_features = 15;
  bad.gated = true;
  EXPECT_EQ(Launch(bad), cudaErrorInvalidValue);
  bad = good;
  bad.rows = 0;
  EXPECT_EQ(Launch(bad), cudaSuccess);
}

}  // namespace
}  // namespace glyph::vlm::kernels
