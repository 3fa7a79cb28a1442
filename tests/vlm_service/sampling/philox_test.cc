#include "vlm_service/sampling/philox.h"

#include <set>

#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers of the authors' library (Random123, kat_vectors, philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  constexpr uint32_t kOnes = 0xFFFFFFFF;
  EXPECT_EQ(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(Philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}),
            (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Philox, UniformNumbersDependOnEveryBitOfSeedAndIndex) {
  std::set<double> numbers = {UniformAt(0, 0)};
  for (int bit = 0; bit < 64; ++bit) {
    numbers.insert(UniformAt(uint64_t{1} << bit, 0));
    numbers.insert(UniformAt(0, uint64_t{1} << bit));
  }
  EXPECT_EQ(numbers.size(), 129u);
}

TEST(Philox, UniformNumbersLieInTheUnitIntervalWithTheRightMean) {
  constexpr int kCount = 10'000;
  double sum = 0;
  for (int i = 0; i < kCount; ++i) {
    const double number = UniformAt(7, static_cast<uint64_t>(i));
    ASSERT_GE(number, 0);
    ASSERT_LT(number, 1);
    sum += number;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.01);  // 3.5 standard errors
}

}  // namespace
}  // namespace glyph::vlm
