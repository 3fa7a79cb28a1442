#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/vlm_service/weights/model_folder.h"
#include "vlm_service/weights/safetensors.h"
#include "vlm_service/weights/safetensors_header.h"

// Headers changed at random: each file is refused, or what is loaded is what a second, simpler
// reading of the same header says.
namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kSeed = 12;
constexpr size_t kLengthBytes = 8;

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  // Changes the header, its length or the end of the file.
  std::string Mutate(const Json& header, size_t data_bytes) {
    if (Below(3) == 0) return FramedFile(EditFields(header), data_bytes);
    std::string file = SafetensorsFile(header, data_bytes);
    const size_t header_end = file.size() - data_bytes;
    for (size_t count = 1 + Below(3); count > 0; --count) EditBytes(header_end, file);
    return file;
  }

 private:
  size_t Below(size_t limit) { return random_() % limit; }

  void EditBytes(size_t header_end, std::string& file) {
    const size_t position = Below(std::min(header_end, file.size()));
    switch (Below(6)) {
      case 0:
        file[position] = static_cast<char>(Below(256));
        break;
      case 1:
        file[position] = "0123456789{}[],:\" "[Below(18)];
        break;
      case 2:
        file[Below(kLengthBytes)] = static_cast<char>(Below(256));
        break;
      case 3:
        file.insert(position, 1, "0123456789,\""[Below(12)]);
        break;
      case 4:
        file.erase(position, 1 + Below(4));
        break;
      default:
        file.resize(file.size() - Below(3));
        break;
    }
  }

  std::string EditFields(Json header) {
    auto tensor = header.begin();
    std::advance(tensor, Below(header.size()));
    Json& value = tensor.value();
    const Json numbers = {0, 1, 4, 16, -1, 1.5, uint64_t{1} << 40, UINT64_MAX, nullptr, "4"};
    const Json number = numbers[Below(numbers.size())];
    switch (Below(6)) {
      case 0:
        value["data_offsets"][Below(2)] = number;
        break;
      case 1:
        value["shape"][Below(2)] = number;
        break;
      case 2:
        value["dtype"] = Json({"F32", "BF16", "U8", "F4", "", 3})[Below(6)];
        break;
      case 3:
        value.erase(Json({"dtype", "shape", "data_offsets"})[Below(3)].get<std::string>());
        break;
      case 4:
        header.erase(tensor);
        break;
      default:
        value = number;
        break;
    }
    std::string text = header.dump();
    if (Below(4) == 0) text.insert(1, absl::StrCat("\"t0\":", Entry("U8", {4}, 0, 4).dump(), ","));
    return text;
  }

  std::mt19937 random_;
};

Json OriginalHeader() {
  const char* const types[] = {"F32", "BF16", "U8", "I64"};
  const uint64_t sizes[] = {4, 2, 1, 8};
  Json header;
  uint64_t begin = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    const uint64_t end = begin + 8 * (i % 3 + 1) * sizes[i % 4];
    header[absl::StrCat("t", i)] = Entry(types[i % 4], {i % 3 + 1, 8}, begin, end);
    begin = end;
  }
  return header;
}

size_t DataBytes(const Json& header) {
  size_t bytes = 0;
  for (const Json& entry : header) bytes = std::max<size_t>(bytes, entry["data_offsets"][1]);
  return bytes;
}

// The header was accepted, so it may be read without any care.
void ExpectLoadedAsWritten(const Weights& weights, const std::string& file) {
  uint64_t header_bytes = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    header_bytes |= uint64_t{static_cast<uint8_t>(file[i])} << (8 * i);
  }
  const size_t data_begin = kLengthBytes + header_bytes;
  Json header = Json::parse(file.substr(kLengthBytes, header_bytes));
  header.erase("__metadata__");
  ASSERT_EQ(weights.names().size(), header.size());
  for (const auto& [name, entry] : header.items()) {
    const auto view = weights.Get(name);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(DTypeName(view->dtype), entry["dtype"].get<std::string>());
    EXPECT_EQ(view->shape, entry["shape"].get<std::vector<int64_t>>());
    const size_t begin = entry["data_offsets"][0];
    const size_t end = entry["data_offsets"][1];
    const std::string bytes(reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size());
    EXPECT_EQ(bytes, file.substr(data_begin + begin, end - begin));
  }
}

TEST(MutatedHeader, IsRefusedOrLoadsWhatItSays) {
  const char* full = std::getenv("GLYPH_LONG");
  const int count = full != nullptr && std::string(full) == "1" ? 100'000 : 1'000;
  const Json header = OriginalHeader();
  const size_t data_bytes = DataBytes(header);
  const ModelFolder folder;
  Mutator mutator(kSeed);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE(testing::Message() << "mutation " << i << " of seed " << kSeed);
    const std::string file = mutator.Mutate(header, data_bytes);
    folder.Write("model.safetensors", file);

    const auto weights = Weights::Open(folder.path());

    // Once more from a buffer that the sanitizer guards on both sides.
    const std::vector<char> guarded(file.begin(), file.end());
    const auto entries =
        ParseSafetensorsHeader(std::as_bytes(std::span(guarded)), "model.safetensors");
    ASSERT_EQ(weights.ok(), entries.ok());
    if (weights.ok()) {
      ExpectLoadedAsWritten(**weights, file);
    } else {
      ++refused;
      EXPECT_EQ(weights.status(), entries.status());
    }
  }
  // Both outcomes must have been tried.
  EXPECT_GT(refused, count / 2);
  EXPECT_LT(refused, count);
}

TEST(MutatedHeader, TheOriginalLoads) {
  const Json header = OriginalHeader();
  const ModelFolder folder;
  const std::string file = SafetensorsFile(header, DataBytes(header));
  folder.Write("model.safetensors", file);

  const auto weights = Weights::Open(folder.path());

  ASSERT_TRUE(weights.ok()) << weights.status();
  ExpectLoadedAsWritten(**weights, file);
}

}  // namespace
}  // namespace glyph::vlm
