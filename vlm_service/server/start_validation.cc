#include "vlm_service/server/start_validation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxTenantSaltBytes = 64;
constexpr int32_t kMaxPriority = 100;  // and -kMaxPriority
constexpr int kMaxParts = 64;
constexpr int64_t kMaxTextBytes = 512 << 10;
constexpr int64_t kMaxPages = 256;
constexpr uint64_t kHugeTokens = uint64_t{1} << 40;  // sums of 64 of these stay in int64

using Violations = std::vector<rpc::FieldViolation>;

void CheckIdentity(const v1::GenerateStart& start, Violations& violations) {
  const std::string& id = start.request_id();
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
  if (id.size() > kMaxRequestIdBytes || !printable) {
    violations.push_back({"start.request_id", "REQUEST_ID_INVALID",
                          absl::StrCat("request_id has ", id.size(), " bytes; it must be at most ",
                                       kMaxRequestIdBytes, " bytes of printable ASCII")});
  }
  if (start.tenant_salt().size() > kMaxTenantSaltBytes) {
    violations.push_back({"start.tenant_salt", "TENANT_SALT_TOO_LONG",
                          absl::StrCat("tenant_salt has ", start.tenant_salt().size(),
                                       " bytes; at most ", kMaxTenantSaltBytes)});
  }
  if (start.priority() < -kMaxPriority || start.priority() > kMaxPriority) {
    violations.push_back({"start.priority", "PRIORITY_OUT_OF_RANGE",
                          absl::StrCat("priority is ", start.priority(), "; it must lie in [",
                                       -kMaxPriority, ", ", kMaxPriority, "]")});
  }
}

// After the options were read into `generation`.
void CheckForcedOutput(const v1::GenerateStart& start, const ServedModel& model,
                       const Generation& generation, Violations& violations) {
  const int64_t num_forced = start.forced_output_ids_size();
  if (num_forced == 0) return;
  const std::string field = "start.forced_output_ids";
  if (generation.num_samples != 1) {
    violations.push_back({field, "FORCED_OUTPUT_OF_SAMPLES",
                          absl::StrCat("forced_output_ids with n = ", generation.num_samples,
                                       "; an answer can be resumed with n = 1 only")});
  }
  const int64_t max_tokens = generation.max_tokens.value_or(model.default_max_tokens);
  if (num_forced >= max_tokens) {
    violations.push_back({field, "FORCED_OUTPUT_TOO_LONG",
                          absl::StrCat(num_forced, " forced_output_ids; there must be fewer than ",
                                       max_tokens, ", max_tokens")});
  }
  const auto& stops = model.stop_token_ids;
  for (int i = 0; i < start.forced_output_ids_size(); ++i) {
    const uint32_t id = start.forced_output_ids(i);
    const bool known = id < static_cast<uint32_t>(model.vocab_size);
    if (known && std::find(stops.begin(), stops.end(), static_cast<int32_t>(id)) == stops.end()) {
      continue;
    }
    violations.push_back({absl::StrCat(field, "[", i, "]"), "FORCED_OUTPUT_ID_INVALID",
                          known
                              ? absl::StrCat("token ", id, " ends an answer; nothing can follow it")
                              : absl::StrCat("the id is ", id, "; it must lie in [0, ",
                                             model.vocab_size, "), the vocabulary")});
    return;
  }
}

void ReadPart(const v1::PromptPart& part, const std::string& field, ValidStart& valid,
              Violations& violations) {
  switch (part.part_case()) {
    case v1::PromptPart::kText:
      valid.text_bytes += static_cast<int64_t>(part.text().size());
      return;
    case v1::PromptPart::kPages:
      valid.max_pages += part.pages().max_pages();
      valid.max_visual_tokens +=
          static_cast<int64_t>(std::min(part.pages().max_visual_tokens(), kHugeTokens));
      if (part.pages().max_visual_tokens() < part.pages().max_pages()) {
        violations.push_back(
            {absl::StrCat(field, ".pages.max_visual_tokens"), "VISUAL_TOKENS_BELOW_PAGES",
             absl::StrCat(part.pages().max_visual_tokens(), " image tokens for up to ",
                          part.pages().max_pages(), " pages; a page has at least 1")});
      }
      return;
    case v1::PromptPart::PART_NOT_SET:
      violations.push_back({field, "PART_EMPTY", "the part holds neither text nor pages"});
      return;
  }
}

void ReadParts(const v1::GenerateStart& start, ValidStart& valid, Violations& violations) {
  if (start.parts_size() < 1 || start.parts_size() > kMaxParts) {
    violations.push_back(
        {"start.parts", "PARTS_OUT_OF_RANGE",
         absl::StrCat(start.parts_size(), " parts; a prompt has 1 to ", kMaxParts)});
    return;
  }
  for (int i = 0; i < start.parts_size(); ++i) {
    ReadPart(start.parts(i), absl::StrCat("start.parts[", i, "]"), valid, violations);
  }
  if (valid.text_bytes > kMaxTextBytes) {
    violations.push_back(
        {"start.parts", "TEXT_TOO_LONG",
         absl::StrCat("the texts have ", valid.text_bytes, " bytes; at most ", kMaxTextBytes)});
  }
  if (valid.max_pages > kMaxPages) {
    violations.push_back(
        {"start.parts", "TOO_MANY_PAGES",
         absl::StrCat("the groups announce ", valid.max_pages, " pages; at most ", kMaxPages)});
  }
  if (valid.text_bytes == 0 && valid.max_pages == 0 && violations.empty()) {
    violations.push_back(
        {"start.parts", "PROMPT_EMPTY", "the parts hold no text and room for no page"});
  }
}

}  // namespace

absl::StatusOr<ValidStart> ValidateStart(const v1::GenerateStart& start, const ServedModel& model) {
  ValidStart valid;
  Violations violations;
  CheckIdentity(start, violations);
  ReadParts(start, valid, violations);
  valid.generation = ReadGenerationOptions(start.options(), model, violations);
  CheckForcedOutput(start, model, valid.generation, violations);
  if (!violations.empty()) return rpc::InvalidArgument(std::move(violations));
  return valid;
}

}  // namespace glyph::vlm
