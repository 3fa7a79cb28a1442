#include "vlm_service/kernels/gemm.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/vlm_service/kernels/linear_reference.h"

namespace glyph::vlm::kernels {
namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;

template <typename T>
GemmParams ParamsOf(const LinearShape& shape, const LinearOperands<T>& operands) {
  return {.type = sizeof(T) == 2 ? Element::kBFloat16 : Element::kFloat32,
          .x = operands.device_x.get(),
          .weight = operands.device_weight.get(),
          .bias = shape.bias ? operands.device_bias.get() : nullptr,
          .y = operands.device_y.get(),
          .rows = shape.rows,
          .in_features = shape.in_features,
          .out_features = shape.out_features,
          .x_stride = operands.x_stride,
          .y_stride = operands.y_stride};
}

template <typename T>
class GemmTest : public testing::Test {
 protected:
  // Half a unit of bfloat16 (2^-8) and more; TF32 would be off by more than 1e-4.
  static constexpr double kTolerance = sizeof(T) == 2 ? 0.0045 : 3e-5;
  static constexpr double kFloor = sizeof(T) == 2 ? 0.05 : 0.5;

  GemmTest() : gemm_(*Gemm::Create(workspace_.get(), workspace_.size())) {}

  void ExpectProduct(const LinearShape& shape, uint32_t seed, bool tune = false) {
    SCOPED_TRACE(testing::Message() << "rows " << shape.rows << " out " << shape.out_features
                                    << " in " << shape.in_features << " bias " << shape.bias);
    LinearOperands<T> operands(shape, shape.out_features, seed);
    const GemmParams params = ParamsOf(shape, operands);
    if (tune) {
      const absl::Status tuned = gemm_->Tune(params, nullptr);
      ASSERT_TRUE(tuned.ok()) << tuned;
      operands.device_y.Poison();
    }
    const absl::Status status = gemm_->Run(params, nullptr);
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<T> y = operands.device_y.Read();
    EXPECT_LT(MaxRelativeError(DenseRows(y, shape.rows, shape.out_features, operands.y_stride),
                               LinearReference(shape, operands), kFloor),
              kTolerance);
    EXPECT_TRUE(PoisonIsWhole(y, shape.rows, shape.out_features, operands.y_stride));
  }

  DeviceArray<char> workspace_{kWorkspaceBytes};
  std::unique_ptr<Gemm> gemm_;
};

using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(GemmTest, Types);

TYPED_TEST(GemmTest, MultipliesAnyNumberOfRowsAndShape) {
  uint32_t seed = 1;
  for (const int64_t rows : {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33, 64, 257}) {
    for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{
             {17 * 8, 384}, {1000, 1176}, {1536, 136}, {264, 4096}}) {
      this->ExpectProduct({rows, out, in, rows % 2 == 1, rows % 3 == 0 ? 8 : 0}, seed++);
    }
  }
}

TYPED_TEST(GemmTest, MultipliesByTheWeightsOfTheModel) {
  this->ExpectProduct({17, 4608, 4096, true, 0}, 100);
  this->ExpectProduct({33, 1024, 13696, false, 8}, 101);
}

TYPED_TEST(GemmTest, TunedProductsAreRight) {
  this->ExpectProduct({64, 1000, 1176, true, 8}, 200, true);
  this->ExpectProduct({17, 4096, 384, false, 0}, 201, true);
}

TYPED_TEST(GemmTest, TakesPointersThatAreHardlyAligned) {
  const LinearShape shape = {5, 24, 40, false, 8};
  LinearOperands<TypeParam> operands(shape, shape.out_features, 300);
  GemmParams params = ParamsOf(shape, operands);
  DeviceArray<TypeParam> shifted(operands.device_y.size() + 1);
  params.y = shifted.get() + 1;
  const absl::Status status = this->gemm_->Run(params, nullptr);
  ASSERT_TRUE(status.ok()) << status;
  std::vector<TypeParam> y = shifted.Read();
  y.erase(y.begin());
  EXPECT_LT(MaxRelativeError(DenseRows(y, shape.rows, shape.out_features, operands.y_stride),
                             LinearReference(shape, operands), this->kFloor),
            this->kTolerance);
}

TYPED_TEST(GemmTest, IsCapturedInAGraph) {
  const LinearShape shape = {33, 264, 384, true, 0};
  LinearOperands<TypeParam> operands(shape, shape.out_features, 400);
  const GemmParams params = ParamsOf(shape, operands);
  ASSERT_TRUE(this->gemm_->Run(params, nullptr).ok());
  const std::vector<TypeParam> direct = operands.device_y.Read();
  operands.device_y.Poison();
  Check(cudaDeviceSynchronize());
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  Check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  Check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  ASSERT_TRUE(this->gemm_->Run(params, stream).ok());
  Check(cudaStreamEndCapture(stream, &graph));
  Check(cudaGraphInstantiate(&exec, graph, 0));
  Check(cudaGraphLaunch(exec, stream));
  Check(cudaStreamSynchronize(stream));
  const std::vector<TypeParam> captured = operands.device_y.Read();
  EXPECT_EQ(std::memcmp(direct.data(), captured.data(), direct.size() * sizeof(TypeParam)), 0);
  Check(cudaGraphExecDestroy(exec));
  Check(cudaGraphDestroy(graph));
  Check(cudaStreamDestroy(stream));
}

TYPED_TEST(GemmTest, RefusesShapesThatMakeNoSense) {
  const LinearShape shape = {2, 16, 16, false, 0};
  const LinearOperands<TypeParam> operands(shape, 16, 500);
  GemmParams params = ParamsOf(shape, operands);
  params.x_stride = 8;
  EXPECT_EQ(this->gemm_->Run(params, nullptr).code(), absl::StatusCode::kInvalidArgument);
  params.x_stride = 16;
  params.rows = 0;
  EXPECT_TRUE(this->gemm_->Run(params, nullptr).ok());
}

}  // namespace
}  // namespace glyph::vlm::kernels
