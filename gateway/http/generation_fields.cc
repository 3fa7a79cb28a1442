#include "gateway/http/generation_fields.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway {
namespace {

using Violations = std::vector<rpc::FieldViolation>;

constexpr int64_t kMaxUint32 = std::numeric_limits<uint32_t>::max();

void ReadMaxTokens(const JsonFields& body, v1::GenerationOptions& options) {
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    const auto tokens = body.Integer(name, 1, kMaxUint32);
    if (!tokens) continue;
    const auto value = static_cast<uint32_t>(*tokens);
    if (options.has_max_tokens() && options.max_tokens() != value) {
      body.Add(name, "MAX_TOKENS_TWICE",
               absl::StrCat(name, " and max_tokens differ; send one of them"));
    }
    options.set_max_tokens(value);
  }
}

void ReadSampling(const JsonFields& body, v1::GenerationOptions& options) {
  const auto read = [&body](const char* name, auto set) {
    if (const auto value = body.Number(name)) set(static_cast<float>(*value));
  };
  read("temperature", [&](float value) { options.set_temperature(value); });
  read("top_p", [&](float value) { options.set_top_p(value); });
  read("min_p", [&](float value) { options.set_min_p(value); });
  read("repetition_penalty", [&](float value) { options.set_repetition_penalty(value); });
  read("frequency_penalty", [&](float value) { options.set_frequency_penalty(value); });
  read("presence_penalty", [&](float value) { options.set_presence_penalty(value); });
  if (const auto top_k = body.Integer("top_k", 0, kMaxUint32)) {
    options.set_top_k(static_cast<uint32_t>(*top_k));
  }
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  if (const auto seed = body.Integer("seed", kMin, std::numeric_limits<int64_t>::max())) {
    options.set_seed(static_cast<uint64_t>(*seed));
  }
  if (const auto n = body.Integer("n", 1, kMaxUint32)) options.set_n(static_cast<uint32_t>(*n));
}

void ReadStop(const JsonFields& body, v1::GenerationOptions& options, Violations& violations) {
  const nlohmann::json* stop = body.Find("stop");
  if (stop == nullptr) return;
  if (stop->is_string()) return options.add_stop(stop->get_ref<const std::string&>());
  if (!stop->is_array()) return AddWrongType("stop", *stop, "a string or an array", violations);
  for (size_t i = 0; i < stop->size(); ++i) {
    const nlohmann::json& entry = (*stop)[i];
    if (entry.is_string()) {
      options.add_stop(entry.get_ref<const std::string&>());
    } else {
      AddWrongType(absl::StrCat("stop[", i, "]"), entry, "a string", violations);
    }
  }
}

// {"token id": bias}.
void ReadLogitBias(const JsonFields& body, v1::GenerationOptions& options, Violations& violations) {
  const nlohmann::json* biases = body.Object("logit_bias");
  if (biases == nullptr) return;
  for (const auto& [token, bias] : biases->items()) {
    uint32_t token_id = 0;
    if (!absl::SimpleAtoi(token, &token_id)) {
      body.Add("logit_bias", "TOKEN_ID_INVALID", "logit_bias: its keys must be token ids");
      return;
    }
    if (!bias.is_number()) {
      AddWrongType(absl::StrCat("logit_bias.", token_id), bias, "a number", violations);
      return;
    }
    v1::LogitBias& added = *options.add_logit_bias();
    added.set_token_id(token_id);
    added.set_bias(static_cast<float>(bias.get<double>()));
  }
}

void Refuse(const JsonFields& body, const char* name, const char* instead) {
  body.Add(name, "UNSUPPORTED", absl::StrCat(name, " is not supported", instead));
}

bool HoldsAnything(const nlohmann::json* value) {
  if (value == nullptr) return false;
  const bool is_container = value->is_array() || value->is_object();
  return is_container ? !value->empty() : *value != false && *value != 0 && *value != "none";
}

void RefuseUnsupported(const JsonFields& body) {
  for (const char* name : {"tools", "functions", "tool_choice", "function_call", "audio",
                           "logprobs", "top_logprobs"}) {
    const bool is_choice =
        std::string(name) == "tool_choice" || std::string(name) == "function_call";
    const nlohmann::json* value = body.Find(name);
    if (is_choice && value != nullptr && *value == "auto") continue;
    if (HoldsAnything(value)) Refuse(body, name, "; leave it out");
  }
  if (const nlohmann::json* format = body.Object("response_format")) {
    const auto type = format->find("type");
    if (type == format->end() || *type != "text") Refuse(body, "response_format", " but for text");
  }
  if (const nlohmann::json* modalities = body.Array("modalities")) {
    if (*modalities != nlohmann::json::array({"text"})) Refuse(body, "modalities", " but for text");
  }
}

}  // namespace

void ReadGeneration(const JsonFields& body, v1::GenerationOptions& options,
                    Violations& violations) {
  ReadMaxTokens(body, options);
  ReadSampling(body, options);
  ReadStop(body, options, violations);
  ReadLogitBias(body, options, violations);
  RefuseUnsupported(body);
}

}  // namespace glyph::gateway
