#include "vlm_service/weights/sha256_sidecar.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/base/sha256.h"
#include "vlm_service/weights/mapped_file.h"

namespace glyph::vlm {
namespace {

constexpr size_t kDigits = 64;

// A space follows the digest, then one more or, in sha256sum's binary mode, an asterisk.
bool IsLineOf(std::string_view line, const std::string& file_name) {
  const std::string_view digest = line.substr(0, kDigits);
  if (digest.size() < kDigits || digest.find_first_not_of("0123456789abcdef") != digest.npos) {
    return false;
  }
  const std::string_view rest = line.substr(kDigits);
  return rest == absl::StrCat("  ", file_name) || rest == absl::StrCat(" *", file_name);
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadSha256Sidecar(const std::string& path) {
  const absl::StatusOr<MappedFile> sidecar = MappedFile::Open(absl::StrCat(path, ".sha256"));
  if (absl::IsNotFound(sidecar.status())) return std::nullopt;
  if (!sidecar.ok()) return sidecar.status();
  const std::span<const std::byte> bytes = sidecar->bytes();
  std::string_view line(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (line.ends_with('\n')) line.remove_suffix(1);
  const std::string file_name = FileName(path);
  if (!IsLineOf(line, file_name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_name, ".sha256 is not the one line that sha256sum writes of ", file_name));
  }
  return std::string(line.substr(0, kDigits));
}

absl::Status CheckSha256(std::span<const std::byte> file, const std::string& file_name,
                         const std::string& expected) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  const std::string found = base::ToHex(base::Sha256().Update(bytes).Finish());
  if (found == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file_name, " is damaged: its SHA-256 is ", found, "; ",
                                          file_name, ".sha256 says ", expected));
}

}  // namespace glyph::vlm
