#include "render_service/fonts/font_library.h"

#include <fontconfig/fontconfig.h>

#include <algorithm>
#include <filesystem>
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
    return absl::NotFoundError(absl::StrCat("cannot read the font file ", path));
  }
  return hash.Finish();
}

// The files below `directory` by name; of two with one name the first in the order of paths.
std::map<std::string, std::string> FilesBelow(const std::string& directory) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    const auto [entry, is_new] = paths.emplace(it->path().filename(), it->path());
    if (!is_new) entry->second = std::min(entry->second, it->path().string());
  }
  return paths;
}

absl::StatusOr<FontFile> OpenFont(const std::string& path, std::shared_ptr<FcConfig> config) {
  absl::StatusOr<base::Sha256Digest> digest = HashFile(path);
  if (!digest.ok()) return digest.status();
  if (!FcConfigAppFontAddFile(config.get(), reinterpret_cast<const FcChar8*>(path.c_str()))) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a font file"));
  }
  return FontFile{*digest, std::move(config)};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const FontLibrary>> FontLibrary::Create(
    const std::string& directory, const std::vector<std::string>& file_names) {
  const std::map<std::string, std::string> paths = FilesBelow(directory);
  const std::shared_ptr<FcConfig> config(FcConfigCreate(), FcConfigDestroy);
  std::shared_ptr<FontLibrary> library(new FontLibrary());
  for (const std::string& name : file_names) {
    if (library->files_.contains(name)) continue;
    const auto path = paths.find(name);
    if (path == paths.end()) {
      return absl::NotFoundError(
          absl::StrCat("the font file ", name, " is not below ", directory,
                       "; install fonts-noto-cjk, fonts-noto-core and fonts-symbola or pass "
                       "--font-dir"));
    }
    absl::StatusOr<FontFile> file = OpenFont(path->second, config);
    if (!file.ok()) return file.status();
    library->files_.emplace(name, *std::move(file));
  }
  return std::shared_ptr<const FontLibrary>(std::move(library));
}

const FontFile* FontLibrary::Find(std::string_view file_name) const {
  const auto it = files_.find(file_name);
  return it == files_.end() ? nullptr : &it->second;
}

}  // namespace glyph::render
