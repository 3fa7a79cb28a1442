#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace glyph::render {

// Largest document, bytes. Offsets into it fit 32 bits.
inline constexpr size_t kMaxSourceBytes = 16 << 20;

// A document whose encoding has been checked. All offsets in this service count its bytes as the
// client sent them. Immutable, so safe to share between threads.
class SourceText {
 public:
  // INVALID_ARGUMENT: over kMaxSourceBytes (INPUT_TOO_LARGE), or not UTF-8 (INVALID_UTF8, with the
  // byte offset) unless `lenient`, where each maximal invalid subpart counts as one U+FFFD.
  static absl::StatusOr<SourceText> Create(std::string bytes, bool lenient);

  std::string_view bytes() const { return bytes_; }
  // Offset of the first character after a byte-order mark, which only names the encoding.
  size_t content_begin() const { return content_begin_; }
  uint64_t num_characters() const { return num_characters_; }          // scalar values
  uint64_t num_replaced_bytes() const { return num_replaced_bytes_; }  // 0 unless lenient

 private:
  friend class SourceCheck;
  explicit SourceText(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string bytes_;
  size_t content_begin_ = 0;
  uint64_t num_characters_ = 0;
  uint64_t num_replaced_bytes_ = 0;
};

// Makes a SourceText in steps, so that a large document does not hold its thread.
class SourceCheck {
 public:
  SourceCheck(std::string bytes, bool lenient) : text_(std::move(bytes)), lenient_(lenient) {}

  // Checks `max_bytes` more; true at the end of the document. Errors as SourceText::Create, after
  // which no call follows.
  absl::StatusOr<bool> Advance(size_t max_bytes);

  // What has been checked to its end.
  SourceText Take() && { return std::move(text_); }

 private:
  SourceText text_;
  const bool lenient_;
  size_t num_checked_ = 0;  // bytes
};

}  // namespace glyph::render
