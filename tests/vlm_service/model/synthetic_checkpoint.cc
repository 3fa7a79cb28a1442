#include "tests/vlm_service/model/synthetic_checkpoint.h"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "vlm_service/weights/safetensors.h"

namespace glyph::vlm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path GoldenFolder(const std::string& name) { return fs::path("tests/golden/model") / name; }

Json ReadJson(const fs::path& file) {
  std::ifstream stream(file);
  return Json::parse(stream);
}

// splitmix64 over the FNV-1a hash of the name.
class Hashes {
 public:
  Hashes(const std::string& name, uint64_t seed) {
    uint64_t hash = 0xCBF29CE484222325;
    for (const char byte : name) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001B3;
    state_ = hash ^ seed;
  }
  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t x = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

// Appends `value`, which `dtype` holds exactly.
void AppendElement(float value, const std::string& dtype, std::string& bytes) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto append = [&](uint32_t word, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(word >> (8 * i)));
  };
  if (dtype == "F32") {
    append(bits, 4);
  } else if (dtype == "BF16") {
    append(bits >> 16, 2);
  } else if (value == 0) {
    append(0, 2);
  } else {  // F16, normal numbers only
    const uint32_t exponent = ((bits >> 23) & 0xFF) - 127 + 15;
    append((bits >> 31 << 15) | (exponent << 10) | ((bits >> 13) & 0x3FF), 2);
  }
}

FileTensor MakeTensor(const Json& description, const std::string& dtype, uint64_t seed) {
  FileTensor tensor = {description["name"], dtype, description["shape"], {}};
  const double offset = description["offset"];
  const double scale = std::ldexp(1.0, description["exponent"]);
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  Hashes hashes(tensor.name, seed);
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t hash = hashes.Next();
    int level = -126;
    for (int k = 0; k < 4; ++k) level += static_cast<int>((hash >> (6 * k)) & 63);
    AppendElement(static_cast<float>(offset + level * scale), dtype, tensor.bytes);
  }
  return tensor;
}

void WriteWeights(const Json& description, const fs::path& folder) {
  const int shards = description["shards"];
  std::map<int, std::vector<FileTensor>> files;
  for (const Json& tensor : description["tensors"]) {
    files[tensor["shard"]].push_back(MakeTensor(tensor, description["dtype"], description["seed"]));
  }
  if (shards == 1) {
    WriteSafetensors(folder / "model.safetensors", files[0]);
    return;
  }
  Json weight_map;
  for (const auto& [shard, tensors] : files) {
    const std::string file = absl::StrFormat("model-%05d-of-%05d.safetensors", shard + 1, shards);
    WriteSafetensors(folder / file, tensors);
    for (const FileTensor& tensor : tensors) weight_map[tensor.name] = file;
  }
  std::ofstream(folder / "model.safetensors.index.json")
      << Json{{"metadata", Json::object()}, {"weight_map", weight_map}};
}

}  // namespace

void WriteSafetensors(const std::string& file, const std::vector<FileTensor>& tensors) {
  Json header;
  size_t offset = 0;
  for (const FileTensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::ofstream stream(file, std::ios::binary);
  for (int i = 0; i < 8; ++i) stream.put(static_cast<char>(text.size() >> (8 * i)));
  stream << text;
  for (const FileTensor& tensor : tensors) stream << tensor.bytes;
}

std::vector<FileTensor> ReadTensors(const std::string& folder) {
  const auto weights = *Weights::Open(folder);
  std::vector<FileTensor> tensors;
  for (const std::string& name : weights->names()) {
    const TensorView view = *weights->Get(name);
    tensors.push_back({name,
                       DTypeName(view.dtype),
                       view.shape,
                       {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()}});
  }
  return tensors;
}

void WriteTensors(const std::string& folder, const std::vector<FileTensor>& tensors) {
  const fs::path file = fs::path(folder) / "model.safetensors";
  fs::remove(file);  // a mapping of the old file stays whole
  WriteSafetensors(file, tensors);
}

std::string MakeSyntheticModel(const std::string& name) {
  static int count = 0;
  const fs::path folder = fs::path(testing::TempDir()) /
                          absl::StrCat("synthetic_model_", getpid(), "_", count++) / name;
  fs::create_directories(folder);
  for (const char* file : {"config.json", "preprocessor_config.json"}) {
    fs::copy_file(GoldenFolder(name) / file, folder / file);
  }
  WriteWeights(ReadJson(GoldenFolder(name) / "tensors.json"), folder);
  return folder;
}

PageImage SyntheticPage(const std::string& name, uint64_t seed, int32_t width, int32_t height,
                        int32_t channels) {
  PageImage page;
  page.origin = PageOrigin::kUploaded;
  page.width = width;
  page.height = height;
  page.channels = channels;
  Hashes hashes(name, seed);
  for (int64_t i = 0; i < int64_t{width} * height * 3; ++i) {
    const auto byte = static_cast<uint8_t>(hashes.Next() >> 56);
    if (i % 3 < channels) page.pixels.push_back(byte);
  }
  return page;
}

uint64_t SyntheticSeed(const std::string& name) {
  return ReadJson(GoldenFolder(name) / "tensors.json")["seed"];
}

}  // namespace glyph::vlm
