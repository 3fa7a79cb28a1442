#include "vlm_service/server/start_validation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxTenantSaltBytes = 64;
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
  if (start.priority() != 0) {
    violations.push_back({"start.priority", "OPTION_UNSUPPORTED",
                          "priority is not supported by this version; leave it 0"});
  }
  if (start.forced_output_ids_size() > 0) {
    violations.push_back({"start.forced_output_ids", "OPTION_UNSUPPORTED",
                          "forced_output_ids is not supported by this version; leave it empty"});
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
  if (!violations.empty()) return rpc::InvalidArgument(std::move(violations));
  return valid;
}

}  // namespace glyph::vlm
