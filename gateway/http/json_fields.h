#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "proto/rpc/error.h"

namespace glyph::gateway {

// Reads the members of one JSON object by name and type. null is absent. A member of another type
// is absent, too, and noted as a violation under its path ("messages[0].role"). Not thread-safe.
class JsonFields {
 public:
  // `object` is an object; it and `violations` outlive the reader. `path`: of the object, "" at the
  // top.
  JsonFields(const nlohmann::json& object, std::string path,
             std::vector<rpc::FieldViolation>& violations);

  const nlohmann::json* Find(const char* name) const;
  std::optional<bool> Bool(const char* name) const;
  std::optional<double> Number(const char* name) const;
  // A number without a fraction within [min, max].
  std::optional<int64_t> Integer(const char* name, int64_t min, int64_t max) const;
  const std::string* String(const char* name) const;
  const nlohmann::json* Array(const char* name) const;
  const nlohmann::json* Object(const char* name) const;

  std::string PathOf(const std::string& name) const;
  void Add(const std::string& name, std::string reason, std::string description) const;

 private:
  void AddWrongType(const char* name, const nlohmann::json& value, const char* wanted) const;

  const nlohmann::json& object_;
  const std::string path_;
  std::vector<rpc::FieldViolation>& violations_;
};

// Notes that the value at `path` is not `wanted` ("a string").
void AddWrongType(const std::string& path, const nlohmann::json& value, const char* wanted,
                  std::vector<rpc::FieldViolation>& violations);

}  // namespace glyph::gateway
