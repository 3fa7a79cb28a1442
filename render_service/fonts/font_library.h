#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/base/sha256.h"

struct _FcConfig;  // fontconfig's configuration

namespace glyph::render {

// One font file of a library.
struct FontFile {
  base::Sha256Digest digest;  // over the file's bytes
  // Holds nothing but the library's faces, so that no other font, alias or rule of the machine can
  // change a page. Never null.
  std::shared_ptr<_FcConfig> config;
};

// The font files this process may draw with, opened and hashed once. Immutable after Create, so
// safe to share between threads.
class FontLibrary {
 public:
  // Opens `file_names` in `directory` and the folders below it. NOT_FOUND names the missing file;
  // FAILED_PRECONDITION a file that is no font.
  static absl::StatusOr<std::shared_ptr<const FontLibrary>> Create(
      const std::string& directory, const std::vector<std::string>& file_names);

  // Null when Create did not open `file_name`.
  const FontFile* Find(std::string_view file_name) const;

 private:
  FontLibrary() = default;

  std::map<std::string, FontFile, std::less<>> files_;
};

}  // namespace glyph::render
