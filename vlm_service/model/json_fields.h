#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"

namespace glyph::vlm {

// Reads typed values of one JSON object of a configuration file. The first wrong value is kept in
// `status` as "FILE: PATH.key is VALUE; expected ..." and every getter then returns its fallback,
// so that a section is read in a row and checked once. An absent or null key gives the fallback.
//   JsonFields text(json["text_config"], "config.json: text_config.", status);
//   config.hidden_size = text.Int("hidden_size", 4096, 1, kMaxSize);
//   GLYPH_RETURN_IF_ERROR(status);
class JsonFields {
 public:
  // `object` and `status` must outlive this. A value that is not an object is an error.
  JsonFields(const nlohmann::json& object, std::string path, absl::Status& status);

  bool Has(const std::string& key) const;     // present and not null
  bool IsNull(const std::string& key) const;  // present and null
  int64_t Int(const std::string& key, int64_t fallback, int64_t min, int64_t max) const;
  double Number(const std::string& key, double fallback, double min, double max) const;
  bool Bool(const std::string& key, bool fallback) const;
  std::string String(const std::string& key, std::string fallback) const;
  // One integer or an array of at most 64.
  std::vector<int32_t> Ints(const std::string& key, std::vector<int32_t> fallback) const;
  std::vector<double> Numbers(const std::string& key, std::vector<double> fallback) const;
  // Fields of the object under `key`; no fields when it is absent.
  JsonFields Object(const std::string& key) const;

  // Records that `key` holds what `expected` does not allow.
  void Fail(const std::string& key, const std::string& expected) const;

 private:
  const nlohmann::json* Find(const std::string& key) const;

  const nlohmann::json* object_;
  std::string path_;
  absl::Status* status_;
};

}  // namespace glyph::vlm
