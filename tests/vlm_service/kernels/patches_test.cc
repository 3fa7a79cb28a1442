#include "vlm_service/kernels/patches.h"

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

struct Shape {
  int cell_rows;
  int cell_columns;
  int channels;
  int patch;
  int merge;
  int temporal;
};

template <typename T>
class PatchesTest : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(PatchesTest, Elements);

TYPED_TEST(PatchesTest, CutsPages) {
  using T = TypeParam;
  std::mt19937 random(7);
  // The 9B model's sizes, gray and in colour, and sizes that neither words nor 16 bytes divide.
  for (const Shape& s : {Shape{2, 3, 1, 14, 2, 2},
                         {20, 37, 3, 14, 2, 2},
                         {1, 1, 1, 14, 2, 2},
                         {5, 3, 3, 3, 2, 1},
                         {2, 7, 1, 3, 1, 3},
                         {2, 2, 3, 4, 3, 2}}) {
    for (const size_t shift : {size_t{0}, size_t{1}}) {
      SCOPED_TRACE(::testing::Message() << s.cell_rows << " x " << s.cell_columns << " x "
                                        << s.channels << ", " << s.patch << " + " << shift);
      const int cell_px = s.patch * s.merge;
      const int height = s.cell_rows * cell_px;
      const int width = s.cell_columns * cell_px;
      std::vector<uint8_t> bytes(static_cast<size_t>(height * width * s.channels));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      const std::vector<T> table = RandomValues<T>(3 * 256, random);
      std::vector<T> expected;
      for (int cell = 0; cell < s.cell_rows * s.cell_columns; ++cell) {
        for (int in_cell = 0; in_cell < s.merge * s.merge; ++in_cell) {
          const int top = cell / s.cell_columns * cell_px + in_cell / s.merge * s.patch;
          const int left = cell % s.cell_columns * cell_px + in_cell % s.merge * s.patch;
          for (int plane = 0; plane < 3 * s.temporal; ++plane) {
            const int channel = plane / s.temporal;
            for (int i = 0; i < s.patch * s.patch; ++i) {
              const int pixel = (top + i / s.patch) * width + left + i % s.patch;
              const int at = pixel * s.channels + (s.channels == 1 ? 0 : channel);
              expected.push_back(
                  table[static_cast<size_t>(channel * 256 + bytes[static_cast<size_t>(at)])]);
            }
          }
        }
      }
      const GuardedRows<uint8_t> pixels(1, bytes.size(), {.shift = shift}, bytes);
      const DeviceArray<T> values(table);
      GuardedRows<T> out(1, expected.size(), {.shift = shift});
      Check(LaunchPatches({.element = ElementOf<T>(),
                           .pixels = pixels.get(),
                           .height = height,
                           .width = width,
                           .channels = s.channels,
                           .values = values.get(),
                           .out = out.get(),
                           .patch = s.patch,
                           .merge = s.merge,
                           .temporal = s.temporal},
                          nullptr));
      EXPECT_TRUE(SameBits(out.Read(), expected));
    }
  }
}

TYPED_TEST(PatchesTest, RefusesPartsOfCells) {
  EXPECT_EQ(LaunchPatches({.element = ElementOf<TypeParam>(),
                           .height = 28,
                           .width = 30,
                           .channels = 1,
                           .patch = 14,
                           .merge = 2,
                           .temporal = 2},
                          nullptr),
            cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
