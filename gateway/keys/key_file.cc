#include "gateway/keys/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

struct Limit {
  const char* name;
  int64_t KeyLimits::*value;
  int64_t max;
};
constexpr Limit kLimits[] = {
    {"in_flight", &KeyLimits::in_flight, kMaxInFlight},
    {"requests_per_minute", &KeyLimits::requests_per_minute, kMaxRequestsPerMinute},
    {"tokens_per_minute", &KeyLimits::tokens_per_minute, kMaxTokensPerMinute},
};

absl::Status Invalid(std::string_view message) {
  return rpc::MakeError(absl::StatusCode::kFailedPrecondition,
                        {.reason = "KEY_FILE_INVALID", .field = "", .retry_after = {}}, message);
}

absl::Status CheckName(const std::string& name) {
  const bool fits = name.size() <= kMaxKeyNameBytes;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
  if (fits && plain) return absl::OkStatus();
  return Invalid(absl::StrCat("the name has ", name.size(), " bytes; it must be 1 to ",
                              kMaxKeyNameBytes, " letters, digits, '-', '_' and '.'"));
}

absl::StatusOr<base::Sha256Digest> ParseDigest(const std::string& hex) {
  base::Sha256Digest digest;
  const bool digits = std::all_of(hex.begin(), hex.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
  if (hex.size() != 2 * digest.size() || !digits) {
    return Invalid(absl::StrCat("the hash has ", hex.size(),
                                " bytes; it must be the 64 lower-case hexadecimal digits of the "
                                "key's SHA-256, as glyph key prints them"));
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// `field`: NAME=NUMBER.
absl::Status ReadLimit(const std::string& field, KeyLimits& limits) {
  const size_t equals = std::min(field.find('='), field.size());
  const auto* limit = std::find_if(
      std::begin(kLimits), std::end(kLimits),
      [&](const Limit& candidate) { return candidate.name == field.substr(0, equals); });
  if (limit == std::end(kLimits) || equals == field.size()) {
    return Invalid(
        "a field after the hash is no limit; known are in_flight=N, requests_per_minute=N and "
        "tokens_per_minute=N");
  }
  if (limits.*limit->value != 0) return Invalid(absl::StrCat(limit->name, " comes twice"));
  const std::string number = field.substr(equals + 1);
  int64_t value = 0;
  const bool digits = !number.empty() && std::all_of(number.begin(), number.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!digits || !absl::SimpleAtoi(number, &value) || value < 1 || value > limit->max) {
    return Invalid(absl::StrCat(limit->name, " is ", digits ? number : "no number",
                                "; it must be 1 to ", limit->max, ", or be left out for no limit"));
  }
  limits.*limit->value = value;
  return absl::OkStatus();
}

absl::StatusOr<KeyEntry> ParseLine(const std::vector<std::string>& fields) {
  if (fields.size() < 2) return Invalid("the hash is missing; a line is NAME SHA256 [LIMIT=N ...]");
  KeyEntry entry;
  GLYPH_RETURN_IF_ERROR(CheckName(fields[0]));
  entry.name = fields[0];
  GLYPH_ASSIGN_OR_RETURN(entry.digest, ParseDigest(fields[1]));
  for (size_t i = 2; i < fields.size(); ++i) {
    GLYPH_RETURN_IF_ERROR(ReadLimit(fields[i], entry.limits));
  }
  return entry;
}

// Every name and every key once.
absl::Status Append(KeyEntry entry, std::vector<KeyEntry>& entries) {
  if (entries.size() == kMaxKeys) {
    return Invalid(
        absl::StrCat("this is key ", kMaxKeys + 1, "; at most ", kMaxKeys, " are allowed"));
  }
  for (const KeyEntry& other : entries) {
    if (other.name == entry.name) return Invalid("its name stands on an earlier line too");
    if (other.digest == entry.digest) return Invalid("its hash stands on an earlier line too");
  }
  entries.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status Unreadable(const std::string& path, const char* why) {
  return rpc::MakeError(
      absl::StatusCode::kNotFound,
      {.reason = "KEY_FILE_UNREADABLE", .field = "", .retry_after = {}},
      absl::StrCat("cannot read the key file ", path, ": ", why, "; name a readable file"));
}

}  // namespace

absl::StatusOr<std::vector<KeyEntry>> ParseKeyFile(std::string_view text) {
  if (!text.empty() && text.back() != '\n') {
    return Invalid("the last line has no end; it may be half written: end it with a newline");
  }
  std::vector<KeyEntry> entries;
  int number = 0;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (fields.empty() || fields[0].front() == '#') continue;
    absl::StatusOr<KeyEntry> entry = ParseLine(fields);
    const absl::Status status = entry.ok() ? Append(*std::move(entry), entries) : entry.status();
    if (!status.ok()) {
      return Invalid(absl::StrCat("line ", number, " of the key file: ", status.message()));
    }
  }
  if (entries.empty()) {
    return Invalid("the key file holds no key; add the line that glyph key prints");
  }
  return entries;
}

absl::StatusOr<std::string> ReadKeyFile(const std::string& path) {
  // A FIFO must not make us wait.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Unreadable(path, std::strerror(errno));
  const auto close_file = absl::MakeCleanup([file] { close(file); });
  struct stat info;
  if (fstat(file, &info) != 0) return Unreadable(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Unreadable(path, "it is not a regular file");
  if ((info.st_mode & S_IWOTH) != 0) {
    return Invalid(absl::StrCat("everybody may write to the key file ", path, "; chmod o-w it"));
  }
  std::string bytes(kMaxKeyFileBytes + 1, '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = read(file, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unreadable(path, std::strerror(errno));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size > kMaxKeyFileBytes) {
    return Invalid(absl::StrCat("the key file ", path, " has more than ", kMaxKeyFileBytes,
                                " bytes, the limit"));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace glyph::gateway
