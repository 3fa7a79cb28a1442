#include "render_service/fonts/font_library.h"

#include <fontconfig/fontconfig.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace glyph::render {
namespace {

absl::StatusOr<base::Sha256Digest> HashFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  base::Sha256 hash;
  std::string buffer(1 << 20, '\0');
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.Update(std::string_view(buffer.data(), static_cast<size_t>(file.gcount())));
  }
  if (!file.eof()) {
    return absl::NotFoundError(absl::StrCat("cannot read the font file ", path,
                                            "; install fonts-noto-cjk or pass --font-dir"));
  }
  return hash.Finish();
}

absl::StatusOr<FontFile> OpenFont(const std::string& path) {
  absl::StatusOr<base::Sha256Digest> digest = HashFile(path);
  if (!digest.ok()) return digest.status();
  std::shared_ptr<FcConfig> config(FcConfigCreate(), FcConfigDestroy);
  if (!FcConfigAppFontAddFile(config.get(), reinterpret_cast<const FcChar8*>(path.c_str()))) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a font file"));
  }
  return FontFile{path, *digest, std::move(config)};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const FontLibrary>> FontLibrary::Create(
    const std::string& directory, const std::vector<std::string>& file_names) {
  std::shared_ptr<FontLibrary> library(new FontLibrary());
  for (const std::string& name : file_names) {
    absl::StatusOr<FontFile> file = OpenFont(absl::StrCat(directory, "/", name));
    if (!file.ok()) return file.status();
    library->files_.insert_or_assign(name, *std::move(file));
  }
  return std::shared_ptr<const FontLibrary>(std::move(library));
}

const FontFile* FontLibrary::Find(std::string_view file_name) const {
  const auto it = files_.find(file_name);
  return it == files_.end() ? nullptr : &it->second;
}

}  // namespace glyph::render
