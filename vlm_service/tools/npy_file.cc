#include "vlm_service/tools/npy_file.h"

#include <cstdint>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

// The header of format 1.0, padded so that the data begins at a multiple of 64 bytes.
std::string Header(size_t rows, size_t columns) {
  constexpr size_t kPrefix = 10;  // magic, version, length of what follows
  std::string dict = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ",
                                  columns, "), }");
  dict.append(63 - (kPrefix + dict.size()) % 64, ' ');
  dict.push_back('\n');
  std::string header("\x93NUMPY\x01\x00", 8);
  header.push_back(static_cast<char>(dict.size() & 0xFF));
  header.push_back(static_cast<char>(dict.size() >> 8));
  return header + dict;
}

}  // namespace

absl::Status WriteNpy(const std::string& file, const std::vector<std::vector<float>>& rows) {
  std::ofstream stream(file, std::ios::binary);
  stream << Header(rows.size(), rows.empty() ? 0 : rows.front().size());
  for (const std::vector<float>& row : rows) {
    stream.write(reinterpret_cast<const char*>(row.data()),
                 static_cast<std::streamsize>(row.size() * sizeof(float)));
  }
  stream.close();
  return stream ? absl::OkStatus() : absl::UnavailableError("the logits could not be written");
}

}  // namespace glyph::vlm
