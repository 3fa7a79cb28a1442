#include "gateway/http/json_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway {
namespace {

const char* KindOf(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "null";
    case nlohmann::json::value_t::object:
      return "an object";
    case nlohmann::json::value_t::array:
      return "an array";
    case nlohmann::json::value_t::string:
      return "a string";
    case nlohmann::json::value_t::boolean:
      return "a boolean";
    default:
      return "a number";
  }
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string path,
                       std::vector<rpc::FieldViolation>& violations)
    : object_(object), path_(std::move(path)), violations_(violations) {}

const nlohmann::json* JsonFields::Find(const char* name) const {
  const auto member = object_.find(name);
  return member == object_.end() || member->is_null() ? nullptr : &*member;
}

std::optional<bool> JsonFields::Bool(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  AddWrongType(name, *value, "a boolean");
  return std::nullopt;
}

std::optional<double> JsonFields::Number(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  AddWrongType(name, *value, "a number");
  return std::nullopt;
}

std::optional<int64_t> JsonFields::Integer(const char* name, int64_t min, int64_t max) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    AddWrongType(name, *value, "an integer");
    return std::nullopt;
  }
  const bool is_huge = value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
  const int64_t number = is_huge ? INT64_MAX : value->get<int64_t>();
  if (number >= min && number <= max && !is_huge) return number;
  Add(name, "NUMBER_OUT_OF_RANGE",
      absl::StrCat(PathOf(name), " is ", value->dump(), "; it must lie in [", min, ", ", max, "]"));
  return std::nullopt;
}

const std::string* JsonFields::String(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr || value->is_string()) {
    return value == nullptr ? nullptr : &value->get_ref<const std::string&>();
  }
  AddWrongType(name, *value, "a string");
  return nullptr;
}

const nlohmann::json* JsonFields::Array(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr || value->is_array()) return value;
  AddWrongType(name, *value, "an array");
  return nullptr;
}

const nlohmann::json* JsonFields::Object(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr || value->is_object()) return value;
  AddWrongType(name, *value, "an object");
  return nullptr;
}

std::string JsonFields::PathOf(const std::string& name) const {
  return path_.empty() ? name : absl::StrCat(path_, ".", name);
}

void JsonFields::Add(const std::string& name, std::string reason, std::string description) const {
  violations_.push_back({PathOf(name), std::move(reason), std::move(description)});
}

void JsonFields::AddWrongType(const char* name, const nlohmann::json& value,
                              const char* wanted) const {
  gateway::AddWrongType(PathOf(name), value, wanted, violations_);
}

void AddWrongType(const std::string& path, const nlohmann::json& value, const char* wanted,
                  std::vector<rpc::FieldViolation>& violations) {
  violations.push_back(
      {path, "WRONG_TYPE", absl::StrCat(path, " is ", KindOf(value), "; it must be ", wanted)});
}

}  // namespace glyph::gateway
