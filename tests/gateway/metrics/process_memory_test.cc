#include "gateway/metrics/process_memory.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(ProcessMemoryTest, ReadsResidentAndPeak) {
  const auto memory = ParseProcessStatus("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t   1024 kB\n");
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->resident_bytes, 1024u * 1024);
  EXPECT_EQ(memory->peak_bytes, 2048u * 1024);
}

TEST(ProcessMemoryTest, ReturnsNothingWhenAFieldIsMissingOrOdd) {
  EXPECT_FALSE(ParseProcessStatus("VmRSS:\t1024 kB\n").has_value());
  EXPECT_FALSE(ParseProcessStatus("VmHWM:\tx kB\nVmRSS:\t1 kB\n").has_value());
}

TEST(ProcessMemoryTest, ReadsThisProcess) {
  const auto memory = ReadProcessMemory();
  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(memory->resident_bytes, 0u);
  EXPECT_GE(memory->peak_bytes, memory->resident_bytes);
}

}  // namespace
}  // namespace glyph::gateway
