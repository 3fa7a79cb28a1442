#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <type_traits>
#include <vector>

#include "tests/vlm_service/kernels/device_array.h"
#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

template <typename T>
constexpr Element ElementOf() {
  return std::is_same_v<T, float> ? Element::kFloat32 : Element::kBFloat16;
}

// The float nearest to `value` that a T can hold.
template <typename T>
float RoundTo(float value) {
  return ToFloat(FromFloat<T>(value));
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <typename T>
std::vector<T> Poisoned(size_t count) {
  std::vector<T> values(count);
  std::memset(static_cast<void*>(values.data()), 0xFF, count * sizeof(T));
  return values;
}

// Where rows lie in memory: `padding` elements between them, `shift` before the first.
struct RowLayout {
  size_t padding = 0;
  size_t shift = 0;
};

// Rows on the device amid poison that nobody may touch.
template <typename T>
class GuardedRows {
 public:
  // Rows of poison.
  GuardedRows(size_t rows, size_t width, RowLayout layout)
      : GuardedRows(rows, width, layout, Poisoned<T>(rows * width)) {}

  // values [rows, width]
  GuardedRows(size_t rows, size_t width, RowLayout layout, const std::vector<T>& values)
      : rows_(rows),
        width_(width),
        layout_(layout),
        memory_(Poisoned<T>(layout.shift + rows * stride() + kGuard)),
        device_((Place(values), memory_)) {}

  T* get() const { return device_.get() + layout_.shift; }
  int64_t stride() const { return static_cast<int64_t>(width_ + layout_.padding); }

  // [rows, width]. EXPECTs that the poison around them is whole.
  std::vector<T> Read() {
    const std::vector<T> now = device_.Read();
    std::vector<T> values(rows_ * width_);
    for (size_t i = 0; i < values.size(); ++i) values[i] = now[At(i)];
    Place(values);
    EXPECT_TRUE(SameBits(now, memory_)) << "written beyond the rows";
    return values;
  }

 private:
  static constexpr size_t kGuard = 64;

  size_t At(size_t i) const {
    return layout_.shift + i / width_ * static_cast<size_t>(stride()) + i % width_;
  }
  void Place(const std::vector<T>& values) {
    for (size_t i = 0; i < values.size(); ++i) memory_[At(i)] = values[i];
  }

  const size_t rows_;
  const size_t width_;
  const RowLayout layout_;
  std::vector<T> memory_;
  DeviceArray<T> device_;
};

// Layouts that allow accesses of 16 bytes, and that do not.
inline const RowLayout kRowLayouts[] = {
    {}, {.padding = 8, .shift = 16}, {.padding = 3, .shift = 1}};

}  // namespace glyph::vlm::kernels
