#include "gateway/cli/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

absl::Status Unreadable(const std::string& path, int error) {
  return rpc::MakeError(absl::StatusCode::kNotFound,
                        {.reason = "NO_INPUT", .field = "", .retry_after = {}},
                        absl::StrCat("cannot read ", path, ": ", std::strerror(error),
                                     "; name a readable file, or - for stdin"));
}

absl::StatusOr<std::string> ReadAll(int file, const std::string& path, size_t max_bytes) {
  std::string bytes;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unreadable(path, errno);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
    if (bytes.size() > max_bytes) {
      return rpc::InvalidArgument(
          "INPUT_TOO_LARGE", "",
          absl::StrCat(path, " has more than ", max_bytes, " bytes; split it into several files"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes) {
  if (path == "-") return ReadAll(STDIN_FILENO, "stdin", max_bytes);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Unreadable(path, errno);
  const auto close_file = absl::MakeCleanup([file] { close(file); });
  return ReadAll(file, path, max_bytes);
}

bool StdinIsPiped() {
  struct stat info;
  return fstat(STDIN_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode));
}

}  // namespace glyph::gateway::cli
