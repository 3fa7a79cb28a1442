#include "vlm_service/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

absl::Status FromErrno(int error, const std::string& path, const char* what) {
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", FileName(path)));
}

// Maps `size_bytes` > 0 bytes of `fd`, which the caller closes.
absl::StatusOr<std::span<const std::byte>> Map(int fd, size_t size_bytes, const std::string& path) {
  void* address = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) return FromErrno(errno, path, "cannot map");
  return std::span(static_cast<const std::byte*>(address), size_bytes);
}

absl::StatusOr<std::span<const std::byte>> MapOpenFile(int fd, const std::string& path) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return FromErrno(errno, path, "cannot read the size of");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(FileName(path), " is not a regular file"));
  }
  if (info.st_size == 0) return std::span<const std::byte>();
  return Map(fd, static_cast<size_t>(info.st_size), path);
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FromErrno(errno, path, "cannot open");
  auto bytes = MapOpenFile(fd, path);
  close(fd);
  if (!bytes.ok()) return bytes.status();
  return MappedFile(*bytes);
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace glyph::vlm
