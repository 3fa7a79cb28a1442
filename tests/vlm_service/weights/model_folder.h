#pragma once
#include <cstdint>
#include <string>

#include "nlohmann/json_fwd.hpp"

namespace glyph::vlm {

// A folder below the temporary folder of the test, removed with its files at the end.
class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  // Creates or replaces a file.
  void Write(const std::string& name, const std::string& bytes) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A file as safetensors frames it: the length of `header`, `header`, then `data_bytes` bytes
// 0, 1, 2, ...
std::string FramedFile(const std::string& header, size_t data_bytes);

// The same of a JSON header, padded with spaces to a multiple of eight bytes as the reference does.
std::string SafetensorsFile(const nlohmann::json& header, size_t data_bytes);

// One entry of a header.
nlohmann::json Entry(const std::string& dtype, const nlohmann::json& shape, uint64_t begin,
                     uint64_t end);

}  // namespace glyph::vlm
