#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace glyph::vlm {

// A weights file may have a sidecar, `path`.sha256, with the one line that sha256sum writes of it:
//   09d6af5fb26d3c0d296c4ef422f68cb4b916da5c8f7c6f341eb122fdebef8b9a  model.safetensors

// The 64 lower-case digits; nullopt when there is no sidecar. INVALID_ARGUMENT: not such a line, or
// the line of another file; else what MappedFile::Open says of the sidecar.
absl::StatusOr<std::optional<std::string>> ReadSha256Sidecar(const std::string& path);

// Reads every byte of `file`. DATA_LOSS: they have another digest; names the file.
absl::Status CheckSha256(std::span<const std::byte> file, const std::string& file_name,
                         const std::string& expected);

}  // namespace glyph::vlm
