#include "tests/proto/contract/descriptors.h"

#include <fstream>

#include "gtest/gtest.h"

namespace glyph::contract {
namespace {

google::protobuf::FileDescriptorSet Read(const std::string& file) {
  google::protobuf::FileDescriptorSet set;
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(set.ParseFromIstream(&stream)) << file;
  EXPECT_GT(set.file_size(), 0) << file;
  return set;
}

}  // namespace

google::protobuf::FileDescriptorSet CurrentContract() { return Read(GLYPH_DESCRIPTORS); }

google::protobuf::FileDescriptorSet BaselineContract() { return Read("proto/baseline.binpb"); }

}  // namespace glyph::contract
