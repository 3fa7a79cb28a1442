#include "tests/vlm_service/weights/model_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace glyph::vlm {

ModelFolder::ModelFolder() : path_(testing::TempDir() + "glyph_weights_XXXXXX") {
  EXPECT_NE(mkdtemp(path_.data()), nullptr);
}

ModelFolder::~ModelFolder() { std::filesystem::remove_all(path_); }

void ModelFolder::Write(const std::string& name, const std::string& bytes) const {
  std::ofstream file(path_ + "/" + name, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.good()) << name;
}

std::string FramedFile(const std::string& header, size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(header.size() >> (8 * i)));
  file += header;
  for (size_t i = 0; i < data_bytes; ++i) file.push_back(static_cast<char>(i));
  return file;
}

std::string SafetensorsFile(const nlohmann::json& header, size_t data_bytes) {
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return FramedFile(text, data_bytes);
}

nlohmann::json Entry(const std::string& dtype, const nlohmann::json& shape, uint64_t begin,
                     uint64_t end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

}  // namespace glyph::vlm
