#include "vlm_service/model/json_fields.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace glyph::vlm {
namespace {

constexpr size_t kMaxItems = 64;
constexpr size_t kMaxShown = 80;

const nlohmann::json& EmptyObject() {
  static const auto& empty = *new nlohmann::json(nlohmann::json::object());
  return empty;
}

bool FitsInt32(const nlohmann::json& value) {
  return value.is_number_integer() && value.get<int64_t>() >= INT32_MIN &&
         value.get<int64_t>() <= INT32_MAX;
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string path, absl::Status& status)
    : object_(&object), path_(std::move(path)), status_(&status) {
  if (!object.is_object()) {
    status_->Update(absl::InvalidArgumentError(absl::StrCat(path_, " is not an object")));
    object_ = &EmptyObject();
  }
}

const nlohmann::json* JsonFields::Find(const std::string& key) const {
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonFields::Has(const std::string& key) const { return Find(key) != nullptr; }

bool JsonFields::IsNull(const std::string& key) const {
  const auto it = object_->find(key);
  return it != object_->end() && it->is_null();
}

void JsonFields::Fail(const std::string& key, const std::string& expected) const {
  const nlohmann::json* value = Find(key);
  std::string shown = value == nullptr
                          ? "missing"
                          : value->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (shown.size() > kMaxShown) {
    shown = absl::StrCat(shown.substr(0, kMaxShown), "...");
  }
  status_->Update(
      absl::InvalidArgumentError(absl::StrCat(path_, key, " is ", shown, "; expected ", expected)));
}

int64_t JsonFields::Int(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  // An integer above int64 is stored unsigned and turns negative here.
  const int64_t number = value->is_number_integer() ? value->get<int64_t>() : 0;
  const bool wrapped = value->is_number_unsigned() && number < 0;
  if (!value->is_number_integer() || wrapped || number < min || number > max) {
    Fail(key, absl::StrCat("an integer from ", min, " to ", max));
    return fallback;
  }
  return number;
}

double JsonFields::Number(const std::string& key, double fallback, double min, double max) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  const double number = value->is_number() ? value->get<double>() : NAN;
  if (!(number >= min && number <= max)) {
    Fail(key, absl::StrCat("a number from ", min, " to ", max));
    return fallback;
  }
  return number;
}

bool JsonFields::Bool(const std::string& key, bool fallback) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    Fail(key, "true or false");
    return fallback;
  }
  return value->get<bool>();
}

std::string JsonFields::String(const std::string& key, std::string fallback) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) {
    Fail(key, "a string");
    return fallback;
  }
  return value->get<std::string>();
}

std::vector<int32_t> JsonFields::Ints(const std::string& key, std::vector<int32_t> fallback) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  std::vector<int32_t> ints;
  const auto items = value->is_array() ? *value : nlohmann::json::array({*value});
  for (const nlohmann::json& item : items) {
    if (!FitsInt32(item) || items.size() > kMaxItems) {
      Fail(key, absl::StrCat("an integer or a list of at most ", kMaxItems, " integers"));
      return fallback;
    }
    ints.push_back(item.get<int32_t>());
  }
  return ints;
}

std::vector<double> JsonFields::Numbers(const std::string& key,
                                        std::vector<double> fallback) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  std::vector<double> numbers;
  const bool fits = value->is_array() && value->size() <= kMaxItems;
  for (const nlohmann::json& item : fits ? *value : nlohmann::json::array({nullptr})) {
    if (!item.is_number()) {
      Fail(key, absl::StrCat("a list of at most ", kMaxItems, " numbers"));
      return fallback;
    }
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

JsonFields JsonFields::Object(const std::string& key) const {
  const nlohmann::json* value = Find(key);
  return JsonFields(value == nullptr ? EmptyObject() : *value, absl::StrCat(path_, key, "."),
                    *status_);
}

}  // namespace glyph::vlm
