#pragma once
#include <algorithm>
#include <vector>

#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// Sequences by priority and arrival. They outlive it or are removed.
class SequenceOrder {
 public:
  void Add(Sequence& sequence) {
    all_.insert(std::upper_bound(all_.begin(), all_.end(), &sequence, GoesFirst), &sequence);
  }
  void Remove(const Sequence& sequence) {
    all_.erase(std::lower_bound(all_.begin(), all_.end(), &sequence, GoesFirst));
  }

  const std::vector<Sequence*>& all() const { return all_; }

 private:
  static bool GoesFirst(const Sequence* a, const Sequence* b) {
    if (a->spec.priority != b->spec.priority) return a->spec.priority > b->spec.priority;
    return a->spec.id < b->spec.id;
  }

  std::vector<Sequence*> all_;
};

}  // namespace glyph::vlm
