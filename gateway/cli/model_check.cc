#include "gateway/cli/model_check.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/base/sha256.h"

namespace glyph::gateway::cli {
namespace {

using State = Finding::State;

std::vector<std::filesystem::path> FilesOf(const std::string& folder, const char* extension) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  return files;
}

// Empty when it cannot be read.
std::string Sha256Of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "";
  base::Sha256 digest;
  std::string buffer(1 << 20, '\0');
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         file.gcount() > 0) {
    digest.Update(std::string_view(buffer.data(), static_cast<size_t>(file.gcount())));
  }
  return base::ToHex(digest.Finish());
}

// What is wrong with the files that `sums`, as sha256sum writes them, lists; counts the good ones.
std::string FirstMismatch(const std::filesystem::path& sums, int& num_good) {
  std::ifstream lines(sums);
  for (std::string expected, name; lines >> expected >> name;) {
    const std::string found =
        Sha256Of(sums.parent_path() / std::string(absl::StripPrefix(name, "*")));
    if (found.empty()) return absl::StrCat(name, " is missing");
    if (found != absl::AsciiStrToLower(expected)) {
      return absl::StrCat(name, " has SHA-256 ", found, ", expected is ", expected);
    }
    ++num_good;
  }
  return "";
}

}  // namespace

uint64_t WeightBytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& path : FilesOf(folder, ".safetensors")) {
    const uint64_t size = std::filesystem::file_size(path, error);
    if (!error) bytes += size;
  }
  return bytes;
}

Finding CheckModel(const std::string& folder) {
  if (WeightBytes(folder) == 0) {
    return {"model", State::kFail,
            absl::StrCat(folder,
                         " holds no weights (*.safetensors); name the model's folder with "
                         "--model, or run deploy/install for the built-in one")};
  }
  int num_good = 0;
  for (const auto& sums : FilesOf(folder, ".sha256")) {
    if (const std::string mismatch = FirstMismatch(sums, num_good); !mismatch.empty()) {
      return {"model", State::kFail,
              absl::StrCat(folder, ": ", mismatch,
                           "; get the file again (the built-in model: "
                           "deploy/install)")};
    }
  }
  if (num_good > 0) {
    return {"model", State::kOk,
            absl::StrCat(folder, ": SHA-256 of ", num_good, " files as expected")};
  }
  return {"model", State::kWarn,
          absl::StrCat(folder,
                       ": nothing says what its weights should be; where they are known to be "
                       "good, sha256sum *.safetensors >model.sha256")};
}

}  // namespace glyph::gateway::cli
