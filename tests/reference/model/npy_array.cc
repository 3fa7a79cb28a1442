#include "tests/reference/model/npy_array.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace glyph::vlm {
namespace {

constexpr size_t kPrefix = 10;  // magic, version, length of what follows

// The header of format 1.0, padded so that the data begins at a multiple of 64 bytes.
std::string Header(const char* type, std::span<const int64_t> shape) {
  std::string dict = absl::StrCat("{'descr': '", type, "', 'fortran_order': False, 'shape': (",
                                  absl::StrJoin(shape, ", "), ",), }");
  dict.append(63 - (kPrefix + dict.size()) % 64, ' ');
  dict.push_back('\n');
  std::string header("\x93NUMPY\x01\x00", 8);
  header.push_back(static_cast<char>(dict.size() & 0xFF));
  header.push_back(static_cast<char>(dict.size() >> 8));
  return header + dict;
}

absl::Status Write(const std::filesystem::path& file, const std::string& header,
                   std::span<const std::byte> values) {
  std::error_code ignored;  // the stream tells
  std::filesystem::create_directories(file.parent_path(), ignored);
  std::ofstream stream(file, std::ios::binary);
  stream << header;
  stream.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size()));
  stream.close();
  return stream ? absl::OkStatus()
                : absl::UnavailableError(absl::StrCat(file.string(), " could not be written"));
}

}  // namespace

absl::StatusOr<std::vector<int32_t>> ReadInts(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(file.string(), " cannot be read"));
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  const size_t begin = bytes.size() < kPrefix ? 0 : kPrefix + byte(8) + 256 * byte(9);
  if (begin == 0 || begin > bytes.size() || !bytes.starts_with("\x93NUMPY\x01") ||
      bytes.substr(kPrefix, begin - kPrefix).find("'<i4'") == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), " is no array of int32"));
  }
  std::vector<int32_t> values((bytes.size() - begin) / sizeof(int32_t));
  std::memcpy(values.data(), bytes.data() + begin, values.size() * sizeof(int32_t));
  return values;
}

absl::Status WriteArray(const std::filesystem::path& file, std::span<const int64_t> shape,
                        std::span<const float> values) {
  return Write(file, Header("<f4", shape), std::as_bytes(values));
}

absl::Status WriteArray(const std::filesystem::path& file, std::span<const int64_t> shape,
                        std::span<const int32_t> values) {
  return Write(file, Header("<i4", shape), std::as_bytes(values));
}

}  // namespace glyph::vlm
