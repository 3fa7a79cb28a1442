#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct pcre2_real_code_8;

namespace glyph::vlm {

// A regular expression for split patterns nobody wrote by hand here. PCRE2 10.42 knows Unicode 14.
// Immutable and thread-safe.
class Pcre2Pattern {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;  // > begin
  };

  // INVALID_ARGUMENT: does not compile (with the offset), or can match nothing at all.
  static absl::StatusOr<Pcre2Pattern> Compile(const std::string& regex);

  // The first match that begins at `position` or later. `text` is valid UTF-8. nullopt: none, or
  // the search took more than the match limit.
  std::optional<Match> Find(std::string_view text, size_t position) const;

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  explicit Pcre2Pattern(std::unique_ptr<pcre2_real_code_8, FreeCode> code);

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
};

}  // namespace glyph::vlm
