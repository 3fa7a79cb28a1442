#include "vlm_service/weights/safetensors_header.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/vlm_service/weights/model_folder.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

absl::StatusOr<std::vector<TensorEntry>> Parse(const std::string& file) {
  return ParseSafetensorsHeader(std::as_bytes(std::span(file)), "m.safetensors");
}

struct BadHeader {
  const char* what;
  Json header;
  size_t data_bytes;
  const char* message;  // part of it
};

TEST(SafetensorsHeader, GivesTensorsInTheOrderOfTheirBytes) {
  const Json header = {{"b", Entry("F32", {2, 2}, 0, 16)},
                       {"a", Entry("BF16", {3}, 16, 22)},
                       {"scalar", Entry("U8", Json::array(), 22, 23)},
                       {"empty", Entry("I64", {0, 5}, 0, 0)},
                       {"__metadata__", {{"format", "pt"}}}};
  const std::string file = SafetensorsFile(header, 23);

  const auto entries = Parse(file);

  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 4u);
  EXPECT_EQ((*entries)[0].name, "empty");
  EXPECT_EQ((*entries)[1].name, "b");
  EXPECT_EQ((*entries)[1].dtype, DType::kF32);
  EXPECT_THAT((*entries)[1].shape, ElementsAre(2, 2));
  EXPECT_EQ((*entries)[1].begin, file.size() - 23);
  EXPECT_EQ((*entries)[3].name, "scalar");
  EXPECT_EQ((*entries)[3].end, file.size());
}

TEST(SafetensorsHeader, KnowsTheSizeOfEveryType) {
  const std::pair<const char*, int64_t> types[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
      {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  for (const auto& [name, size] : types) {
    const Json header = {{"t", Entry(name, {3}, 0, static_cast<uint64_t>(3 * size))}};
    const auto entries = Parse(SafetensorsFile(header, static_cast<size_t>(3 * size)));
    ASSERT_TRUE(entries.ok()) << entries.status();
    EXPECT_STREQ(DTypeName((*entries)[0].dtype), name);
    EXPECT_EQ(DTypeSize((*entries)[0].dtype), size);
  }
}

TEST(SafetensorsHeader, NamesTheTensorAndWhatIsWrongWithIt) {
  const uint64_t huge = uint64_t{1} << 62;
  const BadHeader bad_headers[] = {
      {"size", {{"w.x", Entry("F32", {2}, 0, 4)}}, 4, "expected 8 bytes for F32 [2], found"},
      {"dtype", {{"w.x", Entry("F33", {1}, 0, 4)}}, 4, "dtype 'F33' is not supported"},
      {"dtype type",
       {{"w.x", {{"dtype", 1}, {"shape", {1}}, {"data_offsets", {0, 4}}}}},
       4,
       "dtype is not a string"},
      {"overflow", {{"w.x", Entry("F32", {huge, huge}, 0, 4)}}, 4, "over 2^63"},
      {"overflow to 0", {{"w.x", Entry("U8", {huge, 4}, 0, 0)}}, 0, "over 2^63"},
      {"negative side", {{"w.x", Entry("F32", {-1}, 0, 4)}}, 4, "shape"},
      {"fractional side", {{"w.x", Entry("F32", {1.0}, 0, 4)}}, 4, "shape"},
      {"shape type", {{"w.x", Entry("F32", 1, 0, 4)}}, 4, "shape"},
      {"begin > end", {{"w.x", Entry("U8", {0}, 4, 3)}}, 4, "begins at 4 after its end at 3"},
      {"beyond", {{"w.x", Entry("U8", {5}, 0, 5)}}, 4, "the file may be truncated"},
      {"far beyond", {{"w.x", Entry("U8", {huge}, 0, huge)}}, 4, "the file may be truncated"},
      {"over 2^63", {{"w.x", Entry("U8", {1}, UINT64_MAX, UINT64_MAX)}}, 4, "data_offsets"},
      {"overlap",
       {{"v", Entry("U8", {3}, 0, 3)}, {"w.x", Entry("U8", {3}, 1, 4)}},
       4,
       "inside the tensor before it"},
      {"hole",
       {{"v", Entry("U8", {1}, 0, 1)}, {"w.x", Entry("U8", {2}, 2, 4)}},
       4,
       "after a hole; expected 1"},
      {"offsets",
       {{"w.x", {{"dtype", "U8"}, {"shape", {4}}, {"data_offsets", {0}}}}},
       4,
       "data_offsets is not [begin, end]"},
      {"missing field", {{"w.x", {{"dtype", "U8"}, {"shape", {4}}}}}, 4, "needs the fields"},
      {"unknown field",
       {{"w.x", {{"dtype", "U8"}, {"shape", {4}}, {"data_offsets", {0, 4}}, {"scale", 2}}}},
       4,
       "unknown field 'scale'"},
      {"no object", {{"w.x", 7}}, 4, "is not a JSON object"},
      {"unaligned",
       {{"v", Entry("U8", {1}, 0, 1)}, {"w.x", Entry("F32", {1}, 1, 5)}},
       5,
       "unaligned for F32"},
  };
  for (const BadHeader& bad : bad_headers) {
    const auto entries = Parse(SafetensorsFile(bad.header, bad.data_bytes));
    EXPECT_EQ(entries.status().code(), absl::StatusCode::kInvalidArgument) << bad.what;
    EXPECT_THAT(entries.status().ToString(), HasSubstr("m.safetensors: tensor 'w.x'")) << bad.what;
    EXPECT_THAT(entries.status().ToString(), HasSubstr(bad.message)) << bad.what;
  }
}

TEST(SafetensorsHeader, RefusesBrokenFrames) {
  const std::string good = SafetensorsFile({{"w", Entry("U8", {4}, 0, 4)}}, 4);
  const std::string entry = Entry("U8", {4}, 0, 4).dump();
  const std::pair<std::string, const char*> bad_files[] = {
      {"", "too short"},
      {good.substr(0, 7), "too short"},
      {good.substr(0, 20), "does not fit"},
      {good.substr(0, good.size() - 1), "truncated"},
      {good + "x", "the last tensor ends at byte 4 of the data section, which has 5"},
      {std::string("\x01\xE1\xF5\x05\0\0\0\0{}", 10), "over the limit of 100000000"},
      {std::string(8, '\xFF') + "{}", "over the limit"},
      {FramedFile(std::string(), 0), "does not start with '{'"},
      {FramedFile(" {}", 0), "does not start with '{'"},
      {FramedFile("[]", 0), "does not start with '{'"},
      {FramedFile("{} x", 0), "not JSON"},
      {FramedFile("{\"w\xFF\":" + entry + "}", 4), "not JSON"},
      {FramedFile("{\"w\":" + entry + ",\"w\":" + entry + "}", 4), "the same key twice"},
      {FramedFile("{\"w\":[[[[[[0]]]]]]}", 4), "nested deeper"},
      {FramedFile("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__"},
      {FramedFile("{\"__metadata__\":[]}", 0), "__metadata__"},
  };
  for (const auto& [file, message] : bad_files) {
    const auto entries = Parse(file);
    EXPECT_EQ(entries.status().code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(entries.status().ToString(), HasSubstr(message));
  }
}

TEST(SafetensorsHeader, TheLimitOfItsLengthIsExact) {
  const auto file_with_length = [](uint64_t length) {
    std::string file = FramedFile("{}", 0);
    for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i));
    return file;
  };
  for (const uint64_t length : {kMaxHeaderBytes - 1, kMaxHeaderBytes}) {
    EXPECT_THAT(Parse(file_with_length(length)).status().ToString(), HasSubstr("does not fit"));
  }
  EXPECT_THAT(Parse(file_with_length(kMaxHeaderBytes + 1)).status().ToString(),
              HasSubstr("over the limit"));
}

}  // namespace
}  // namespace glyph::vlm
