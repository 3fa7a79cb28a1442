#pragma once
#include <atomic>
#include <cstddef>

namespace glyph::gateway {

// Bytes that several requests may hold together. Outlives its reservations. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(size_t capacity) : free_(capacity) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  // What one request holds; returned when it goes. Not thread-safe.
  class Reservation {
   public:
    explicit Reservation(ByteBudget& budget) : budget_(budget) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() { budget_.free_ += held_; }

    // Holds `bytes` more, or returns false when the budget has not that much left.
    [[nodiscard]] bool Grow(size_t bytes) {
      size_t free = budget_.free_;
      do {
        if (free < bytes) return false;
      } while (!budget_.free_.compare_exchange_weak(free, free - bytes));
      held_ += bytes;
      return true;
    }

   private:
    ByteBudget& budget_;
    size_t held_ = 0;
  };

 private:
  std::atomic<size_t> free_;
};

}  // namespace glyph::gateway
