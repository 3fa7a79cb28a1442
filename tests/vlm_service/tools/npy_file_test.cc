#include "vlm_service/tools/npy_file.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(NpyFileTest, WritesShapeAndRowsAfterAnAlignedHeader) {
  const std::string file = absl::StrCat(testing::TempDir(), "/npy_file_test_", getpid(), ".npy");
  ASSERT_TRUE(WriteNpy(file, {{1.5f, -2.0f, 3.0f}, {4.0f, 5.0f, 6.25f}}).ok());
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(file);
  const size_t header = 10 + static_cast<uint8_t>(bytes.at(8));
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(header % 64, 0u);
  EXPECT_THAT(bytes.substr(10, header - 10),
              testing::StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  EXPECT_EQ(bytes.at(header - 1), '\n');
  ASSERT_EQ(bytes.size(), header + 6 * sizeof(float));
  float last = 0;
  std::memcpy(&last, bytes.data() + bytes.size() - sizeof(last), sizeof(last));
  EXPECT_EQ(last, 6.25f);
}

TEST(NpyFileTest, AFolderThatDoesNotExistIsAnError) {
  EXPECT_EQ(WriteNpy("no/such/folder/x.npy", {{1.0f}}).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace glyph::vlm
