#include "vlm_service/tokenizer/pcre2_pattern.h"

#include <cstdint>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr uint32_t kMatchLimit = 1'000'000;  // backtracking steps of one search
constexpr uint32_t kHeapLimitKib = 32 << 10;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

PCRE2_SPTR Units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

void Pcre2Pattern::FreeCode::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

Pcre2Pattern::Pcre2Pattern(std::unique_ptr<pcre2_real_code_8, FreeCode> code)
    : code_(std::move(code)) {}

absl::StatusOr<Pcre2Pattern> Pcre2Pattern::Compile(const std::string& regex) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_real_code_8, FreeCode> code(
      pcre2_compile(Units(regex), regex.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  if (code == nullptr) {
    PCRE2_UCHAR message[128] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError(absl::StrCat("the pattern does not compile at byte ", offset,
                                                   ": ", reinterpret_cast<char*>(message)));
  }
  uint32_t matches_empty = 0;
  pcre2_pattern_info(code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty != 0) {
    return absl::InvalidArgumentError("the pattern can match the empty string");
  }
  return Pcre2Pattern(std::move(code));
}

std::optional<Pcre2Pattern::Match> Pcre2Pattern::Find(std::string_view text,
                                                      size_t position) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(
      pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  const std::unique_ptr<pcre2_match_context, FreeMatchContext> context(
      pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  const int count = pcre2_match(code_.get(), Units(text), text.size(), position, PCRE2_NO_UTF_CHECK,
                                data.get(), context.get());
  if (count < 0) return std::nullopt;
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
  // \K can put the begin behind the end, or make the match empty.
  if (bounds[0] < position || bounds[1] <= bounds[0]) return std::nullopt;
  return Match{bounds[0], bounds[1]};
}

}  // namespace glyph::vlm
