#include "gateway/cli/api_key.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/cli/input.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

constexpr size_t kMaxKeyBytes = 4 << 10;
constexpr char kVariable[] = "GLYPH_API_KEY";

}  // namespace

absl::StatusOr<std::string> ReadApiKey(const std::string& file) {
  const char* const variable = std::getenv(kVariable);
  if (file.empty() && variable == nullptr) return std::string();
  std::string key = variable == nullptr ? "" : variable;
  if (!file.empty()) {
    GLYPH_ASSIGN_OR_RETURN(key, ReadInput(file, kMaxKeyBytes));
  }
  absl::StripAsciiWhitespace(&key);
  const bool plain = std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (key.empty() || !plain) {
    return rpc::InvalidArgument("API_KEY_INVALID", "",
                                absl::StrCat(file.empty() ? kVariable : file,
                                             " holds no key; it must be one line of printable "
                                             "ASCII without spaces"));
  }
  return key;
}

}  // namespace glyph::gateway::cli
