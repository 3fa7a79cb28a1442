#include "gateway/routing/ask_validation.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxProfileBytes = 64;
constexpr uint32_t kMaxPages = 256;
constexpr int kMaxStops = 4;
constexpr size_t kMaxStopBytes = 256;
constexpr uint32_t kMaxSamples = 8;
constexpr uint32_t kMaxLogprobs = 20;
constexpr int kMaxLogitBiases = 1024;
constexpr float kMaxLogitBias = 100;

class Violations {
 public:
  void Add(std::string field, std::string reason, std::string description) {
    violations_.push_back({std::move(field), std::move(reason), std::move(description)});
  }
  // Adds "NAME is VALUE; RANGE" unless `holds`. NaN must fail `holds`.
  template <typename T>
  void Require(bool holds, const std::string& field, const char* reason, T value,
               const char* range) {
    if (!holds) Add(field, reason, absl::StrCat(field, " is ", value, "; ", range));
  }
  absl::Status ToStatus() && {
    return violations_.empty() ? absl::OkStatus() : rpc::InvalidArgument(std::move(violations_));
  }

 private:
  std::vector<rpc::FieldViolation> violations_;
};

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

void CheckSampling(const v1::GenerationOptions& options, Violations& v) {
  const std::string path = "generation.";
  const float temperature = options.temperature();
  v.Require(temperature >= 0 && temperature <= 2, path + "temperature", "TEMPERATURE_OUT_OF_RANGE",
            temperature, "it must lie in [0, 2]");
  const float top_p = options.top_p();
  v.Require(!options.has_top_p() || (top_p > 0 && top_p <= 1), path + "top_p", "TOP_P_OUT_OF_RANGE",
            top_p, "it must lie in (0, 1]");
  v.Require(options.min_p() >= 0 && options.min_p() <= 1, path + "min_p", "MIN_P_OUT_OF_RANGE",
            options.min_p(), "it must lie in [0, 1]");
  const float penalty = options.repetition_penalty();
  v.Require(!options.has_repetition_penalty() || (penalty > 0 && penalty <= 10),
            path + "repetition_penalty", "REPETITION_PENALTY_OUT_OF_RANGE", penalty,
            "it must lie in (0, 10]");
  v.Require(std::abs(options.frequency_penalty()) <= 2, path + "frequency_penalty",
            "FREQUENCY_PENALTY_OUT_OF_RANGE", options.frequency_penalty(),
            "it must lie in [-2, 2]");
  v.Require(std::abs(options.presence_penalty()) <= 2, path + "presence_penalty",
            "PRESENCE_PENALTY_OUT_OF_RANGE", options.presence_penalty(), "it must lie in [-2, 2]");
}

void CheckLogitBias(const v1::GenerationOptions& options, Violations& v) {
  const std::string path = "generation.logit_bias";
  v.Require(options.logit_bias_size() <= kMaxLogitBiases, path, "TOO_MANY_LOGIT_BIASES",
            options.logit_bias_size(), "at most 1,024 tokens are allowed");
  std::set<uint32_t> seen;
  for (int i = 0; i < std::min(options.logit_bias_size(), kMaxLogitBiases); ++i) {
    const v1::LogitBias& bias = options.logit_bias(i);
    const std::string item = absl::StrCat(path, "[", i, "].");
    v.Require(seen.insert(bias.token_id()).second, item + "token_id", "TOKEN_REPEATED",
              bias.token_id(), "it has a bias already, name it once");
    v.Require(std::abs(bias.bias()) <= kMaxLogitBias, item + "bias", "LOGIT_BIAS_OUT_OF_RANGE",
              bias.bias(), "it must lie in [-100, 100]");
  }
}

void CheckGeneration(const v1::GenerationOptions& options, Violations& v) {
  const std::string path = "generation.";
  v.Require(!options.has_max_tokens() || options.max_tokens() >= 1, path + "max_tokens",
            "MAX_TOKENS_OUT_OF_RANGE", options.max_tokens(), "it must be at least 1");
  CheckSampling(options, v);
  v.Require(!options.has_n() || (options.n() >= 1 && options.n() <= kMaxSamples), path + "n",
            "N_OUT_OF_RANGE", options.n(), "it must lie in [1, 8]");
  v.Require(options.logprobs() <= kMaxLogprobs, path + "logprobs", "LOGPROBS_OUT_OF_RANGE",
            options.logprobs(), "it must lie in [0, 20]");
  v.Require(options.stop_size() <= kMaxStops, path + "stop", "TOO_MANY_STOPS", options.stop_size(),
            "at most 4 stop strings are allowed");
  for (int i = 0; i < options.stop_size(); ++i) {
    const size_t bytes = options.stop(i).size();
    if (bytes >= 1 && bytes <= kMaxStopBytes) continue;
    const std::string field = absl::StrCat(path, "stop[", i, "]");
    v.Add(field, "STOP_LENGTH_OUT_OF_RANGE",
          absl::StrCat(field, " has ", bytes, " bytes; a stop string has 1 to ", kMaxStopBytes));
  }
  CheckLogitBias(options, v);
}

// What the ids are is the model's matter.
void CheckForcedOutput(const v1::AskRequest& request, Violations& v) {
  const int num_forced = request.forced_output_ids_size();
  if (num_forced == 0) return;
  const v1::GenerationOptions& options = request.generation();
  if (options.n() > 1) {
    v.Add("forced_output_ids", "FORCED_OUTPUT_OF_SAMPLES",
          absl::StrCat("forced_output_ids with n = ", options.n(),
                       "; an answer can be resumed with n = 1 only"));
  }
  if (options.has_max_tokens() && static_cast<uint32_t>(num_forced) >= options.max_tokens()) {
    v.Add("forced_output_ids", "FORCED_OUTPUT_TOO_LONG",
          absl::StrCat(num_forced, " forced_output_ids; there must be fewer than ",
                       options.max_tokens(), ", max_tokens"));
  }
}

void CheckRender(const v1::RenderOptions& options, Violations& v) {
  const std::string& profile = options.profile();
  if (profile.size() > kMaxProfileBytes || !IsPrintableAscii(profile)) {
    v.Add("render.profile", "PROFILE_NAME_INVALID",
          absl::StrCat("render.profile has ", profile.size(), " bytes; a profile name has at most ",
                       kMaxProfileBytes, " bytes of printable ASCII"));
  }
  if (!options.profile_json().empty()) {
    v.Add("render.profile_json", "PROFILE_JSON_SET",
          "render.profile_json is set; the gateway sets it, name a profile in render.profile");
  }
  v.Require(options.max_pages() <= kMaxPages, "render.max_pages", "MAX_PAGES_OUT_OF_RANGE",
            options.max_pages(), "it must lie in [0, 256]");
  const std::string& language = options.language();
  constexpr std::string_view kLanguages[] = {"", "zh-Hans", "zh-Hant", "ja", "ko"};
  if (std::find(std::begin(kLanguages), std::end(kLanguages), language) == std::end(kLanguages)) {
    v.Add("render.language", "LANGUAGE_UNKNOWN",
          absl::StrCat("render.language has ", language.size(),
                       " bytes and is no language of this service; it must be zh-Hans, zh-Hant, ja "
                       "or ko, or empty for the profile's own"));
  }
  const uint32_t dpi = options.dpi();
  v.Require(dpi == 0 || dpi == 72 || dpi == 96 || dpi == 120, "render.dpi", "DPI_OUT_OF_RANGE", dpi,
            "it must be 72, 96 or 120, or 0 for the profile's own");
}

void CheckStart(const v1::AskRequest& request, Violations& v) {
  const int num_parts = request.parts_size();
  if (num_parts < 1 || num_parts > kMaxParts) {
    v.Add("parts", "PARTS_OUT_OF_RANGE",
          absl::StrCat("the request has ", num_parts, " parts; it must have 1 to ", kMaxParts));
  }
  for (int i = 0; i < num_parts; ++i) {
    if (request.parts(i).part_case() != v1::AskPart::PART_NOT_SET) continue;
    const std::string field = absl::StrCat("parts[", i, "]");
    v.Add(field, "PART_NOT_SET", absl::StrCat(field, " must hold a document, an image or a text"));
  }
  CheckGeneration(request.generation(), v);
  CheckForcedOutput(request, v);
  CheckRender(request.render(), v);
  const std::string& id = request.request_id();
  if (id.size() > kMaxRequestIdBytes || !IsPrintableAscii(id)) {
    v.Add("request_id", "REQUEST_ID_INVALID",
          absl::StrCat("request_id has ", id.size(), " bytes; it has at most ", kMaxRequestIdBytes,
                       " bytes of printable ASCII"));
  }
}

void CheckSource(const std::string& bytes, const std::string& field, Violations& v) {
  if (bytes.size() <= kMaxSourceBytes) return;
  v.Add(field, "INPUT_TOO_LARGE",
        absl::StrCat(field, " has ", bytes.size(), " bytes; at most ", kMaxSourceBytes,
                     " are allowed: split it into several parts"));
}

// True when the part holds anything.
bool CheckPart(const v1::AskPart& part, const std::string& path, Violations& v) {
  if (part.has_document()) {
    CheckSource(part.document().text(), path + ".document.text", v);
    return !part.document().text().empty();
  }
  if (part.has_image()) {
    const std::string field = path + ".image.data";
    CheckSource(part.image().data(), field, v);
    if (part.image().data().empty()) {
      v.Add(field, "IMAGE_EMPTY", field + " is empty; send a PNG, JPEG or WebP file");
    }
    return true;
  }
  const size_t valid = base::ValidUtf8Prefix(part.text());
  if (valid != part.text().size()) {
    v.Add(path + ".text", "INVALID_UTF8",
          absl::StrCat(path, ".text is not UTF-8 from byte ", valid, " on"));
  }
  return !part.text().empty();
}

void CheckParts(const v1::AskRequest& request, Violations& v) {
  bool holds_anything = false;
  size_t text_bytes = 0;
  for (int i = 0; i < request.parts_size(); ++i) {
    holds_anything |= CheckPart(request.parts(i), absl::StrCat("parts[", i, "]"), v);
    text_bytes += request.parts(i).text().size();
  }
  if (!holds_anything && request.parts_size() > 0) {
    v.Add("parts", "REQUEST_EMPTY",
          "every part is empty; send at least one text, document or image");
  }
  if (text_bytes > kMaxTextBytes) {
    v.Add("parts", "INPUT_TOO_LARGE",
          absl::StrCat("the texts have ", text_bytes, " bytes; at most ", kMaxTextBytes,
                       " are allowed: send long texts as documents"));
  }
}

}  // namespace

absl::Status ValidateAskStart(const v1::AskRequest& request) {
  Violations violations;
  CheckStart(request, violations);
  return std::move(violations).ToStatus();
}

absl::Status ValidateAsk(const v1::AskRequest& request) {
  Violations violations;
  CheckStart(request, violations);
  CheckParts(request, violations);
  return std::move(violations).ToStatus();
}

absl::Status ValidateRenderPages(const v1::RenderPagesRequest& request) {
  Violations violations;
  CheckSource(request.document().text(), "document.text", violations);
  CheckRender(request.render(), violations);
  return std::move(violations).ToStatus();
}

}  // namespace glyph::gateway
