#include "vlm_service/weights/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxQuotedBytes = 200;

std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kMaxQuotedBytes)), "'");
}

absl::Status Bad(const std::string& file_name, const std::string& problem) {
  return absl::InvalidArgumentError(absl::StrCat(file_name, ": ", problem));
}

absl::Status BadTensor(const std::string& file_name, const std::string& tensor,
                       const std::string& problem) {
  return Bad(file_name, absl::StrCat("tensor ", Quote(tensor), ": ", problem));
}

// The header's JSON text; its length is checked against the file.
absl::StatusOr<std::string_view> HeaderText(std::span<const std::byte> file,
                                            const std::string& file_name) {
  if (file.size() < kLengthBytes) {
    return Bad(file_name, absl::StrCat("is ", file.size(), " bytes long, too short for a header"));
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<uint64_t>(file[i]) << (8 * i);
  }
  if (length > kMaxHeaderBytes) {
    return Bad(file_name,
               absl::StrCat("header of ", length, " bytes is over the limit of ", kMaxHeaderBytes));
  }
  if (length > file.size() - kLengthBytes) {
    return Bad(file_name, absl::StrCat("header of ", length, " bytes does not fit in the file of ",
                                       file.size(), " bytes"));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  if (!text.starts_with('{')) return Bad(file_name, "header does not start with '{'");
  return text;
}

// A JSON array of non-negative integers below 2^63.
std::optional<std::vector<int64_t>> IntegerArray(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<int64_t> integers;
  for (const Json& item : value) {
    if (!item.is_number_unsigned()) return std::nullopt;
    const auto integer = item.get<uint64_t>();
    if (integer > uint64_t{std::numeric_limits<int64_t>::max()}) return std::nullopt;
    integers.push_back(static_cast<int64_t>(integer));
  }
  return integers;
}

// Product of dtype size and shape; nullopt when it does not fit.
std::optional<uint64_t> SizeBytes(DType dtype, const std::vector<int64_t>& shape) {
  int64_t size = DTypeSize(dtype);
  for (int64_t side : shape) {
    if (__builtin_mul_overflow(size, side, &size)) return std::nullopt;
  }
  return static_cast<uint64_t>(size);
}

// Fills dtype and shape, and begin and end still relative to the data section.
absl::Status ReadFields(const Json& value, const std::string& file_name, TensorEntry& entry) {
  if (!value.is_object()) return BadTensor(file_name, entry.name, "is not a JSON object");
  for (const auto& [key, unused] : value.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      return BadTensor(file_name, entry.name, absl::StrCat("has an unknown field ", Quote(key)));
    }
  }
  if (value.size() != 3) {
    return BadTensor(file_name, entry.name, "needs the fields dtype, shape and data_offsets");
  }
  const Json& dtype = value["dtype"];
  if (!dtype.is_string()) return BadTensor(file_name, entry.name, "dtype is not a string");
  const auto known = DTypeFromName(dtype.get_ref<const std::string&>());
  if (!known) {
    return BadTensor(
        file_name, entry.name,
        absl::StrCat("dtype ", Quote(dtype.get_ref<const std::string&>()), " is not supported"));
  }
  entry.dtype = *known;
  auto shape = IntegerArray(value["shape"]);
  if (!shape) return BadTensor(file_name, entry.name, "shape is not an array of sizes");
  entry.shape = *std::move(shape);
  const auto offsets = IntegerArray(value["data_offsets"]);
  if (!offsets || offsets->size() != 2) {
    return BadTensor(file_name, entry.name, "data_offsets is not [begin, end]");
  }
  entry.begin = static_cast<uint64_t>((*offsets)[0]);
  entry.end = static_cast<uint64_t>((*offsets)[1]);
  return absl::OkStatus();
}

absl::Status CheckSize(const TensorEntry& entry, const std::string& file_name) {
  if (entry.begin > entry.end) {
    return BadTensor(file_name, entry.name,
                     absl::StrCat("begins at ", entry.begin, " after its end at ", entry.end));
  }
  const auto expected = SizeBytes(entry.dtype, entry.shape);
  if (!expected || *expected != entry.end - entry.begin) {
    return BadTensor(
        file_name, entry.name,
        absl::StrCat("expected ", expected ? absl::StrCat(*expected) : "over 2^63", " bytes for ",
                     DTypeName(entry.dtype), " [", absl::StrJoin(entry.shape, ", "),
                     "], found data_offsets of ", entry.end - entry.begin, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckMetadata(const Json& metadata, const std::string& file_name) {
  const bool strings =
      metadata.is_object() && std::all_of(metadata.begin(), metadata.end(),
                                          [](const Json& value) { return value.is_string(); });
  return strings ? absl::OkStatus()
                 : Bad(file_name, "__metadata__ is not an object whose values are strings");
}

// Sorted tensors must fill the data section from its first byte to its last.
absl::Status CheckLayout(const std::vector<TensorEntry>& entries, uint64_t data_bytes,
                         const std::string& file_name) {
  uint64_t filled = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.end > data_bytes) {
      return BadTensor(file_name, entry.name,
                       absl::StrCat("ends at byte ", entry.end, " of the data section, which has ",
                                    data_bytes, "; the file may be truncated"));
    }
    if (entry.begin != filled) {
      return BadTensor(
          file_name, entry.name,
          absl::StrCat("begins at byte ", entry.begin, " of the data section, ",
                       entry.begin < filled ? "inside the tensor before it" : "after a hole",
                       "; expected ", filled));
    }
    filled = entry.end;
  }
  if (filled == data_bytes) return absl::OkStatus();
  return Bad(file_name, absl::StrCat("the last tensor ends at byte ", filled,
                                     " of the data section, which has ", data_bytes));
}

}  // namespace

absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                                const std::string& file_name) {
  GLYPH_ASSIGN_OR_RETURN(const std::string_view text, HeaderText(file, file_name));
  auto header = base::ParseJson(text, {.max_bytes = kMaxHeaderBytes, .max_depth = 4});
  if (!header.ok()) {
    return Bad(file_name, absl::StrCat("header: ", header.status().message()));
  }
  std::vector<TensorEntry> entries;
  entries.reserve(header->size());
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") {
      GLYPH_RETURN_IF_ERROR(CheckMetadata(value, file_name));
      continue;
    }
    TensorEntry& entry = entries.emplace_back();
    entry.name = name;
    GLYPH_RETURN_IF_ERROR(ReadFields(value, file_name, entry));
    GLYPH_RETURN_IF_ERROR(CheckSize(entry, file_name));
  }
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  const uint64_t data_begin = kLengthBytes + text.size();
  GLYPH_RETURN_IF_ERROR(CheckLayout(entries, file.size() - data_begin, file_name));
  for (TensorEntry& entry : entries) {
    entry.begin += data_begin;
    entry.end += data_begin;
    if (entry.begin % static_cast<uint64_t>(DTypeSize(entry.dtype)) != 0) {
      return BadTensor(file_name, entry.name,
                       absl::StrCat("starts at byte ", entry.begin, " of the file, unaligned for ",
                                    DTypeName(entry.dtype), "; save the file again"));
    }
  }
  return entries;
}

}  // namespace glyph::vlm
