#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace glyph::vlm {

// One whole file, mapped read-only; pages are read when first touched. The file must not shrink
// while it is mapped (the kernel would answer with SIGBUS). Thread-safe: nothing changes.
class MappedFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (not a regular file) or UNAVAILABLE; the message
  // holds the file's name without its folder.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// The part of `path` after its last '/'.
std::string FileName(const std::string& path);

}  // namespace glyph::vlm
