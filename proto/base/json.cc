#include "proto/base/json.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace glyph::base {
namespace {

using Json = nlohmann::json;

// Builds the tree through nlohmann's DOM builder, but stops at the limits and at duplicate keys.
class BoundedSax : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;
  BoundedSax(Json& root, const JsonLimits& limits)
      : Base(root, /*allow_exceptions=*/false),
        max_depth_(limits.max_depth),
        max_values_(limits.max_values) {}

  bool null() { return Count() && Base::null(); }
  bool boolean(bool value) { return Count() && Base::boolean(value); }
  bool number_integer(Json::number_integer_t value) {
    return Count() && Base::number_integer(value);
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    return Count() && Base::number_unsigned(value);
  }
  bool number_float(Json::number_float_t value, const std::string& text) {
    return Count() && Base::number_float(value, text);
  }
  bool string(std::string& value) { return Count() && Base::string(value); }

  bool start_object(size_t size) {
    keys_.emplace_back();
    return Enter() && Base::start_object(size);
  }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second) {
      message_ = "an object has the same key twice";
      return false;
    }
    return Base::key(name);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(size_t size) { return Enter() && Base::start_array(size); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) {
    message_ = absl::StrCat("not JSON at byte ", position);
    return false;
  }

  const std::string& message() const { return message_; }

 private:
  bool Count() {
    if (++num_values_ <= max_values_) return true;
    message_ = absl::StrCat("more values than the limit of ", max_values_);
    return false;
  }

  bool Enter() {
    if (!Count()) return false;
    if (++depth_ <= max_depth_) return true;
    message_ = absl::StrCat("nested deeper than the limit of ", max_depth_);
    return false;
  }

  const int max_depth_;
  const size_t max_values_;
  int depth_ = 0;
  size_t num_values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects being read
  std::string message_;
};

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON of ", text.size(), " bytes is over the limit of ", limits.max_bytes));
  }
  // The lexer takes a zero byte for the end of the text, whatever follows.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON at byte ", zero + 1));
  }
  Json root;
  BoundedSax sax(root, limits);
  if (!Json::sax_parse(text.begin(), text.end(), &sax)) {
    return absl::InvalidArgumentError(sax.message().empty() ? "not JSON" : sax.message());
  }
  return root;
}

}  // namespace glyph::base
