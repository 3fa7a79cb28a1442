#pragma once
#include <string>
#include <vector>

#include "prometheus/collectable.h"

namespace glyph::gateway {

// Content type of Exposition::Text.
inline constexpr char kExpositionContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// All series as one text, in the order of the sources. The sources outlive it. Thread-safe.
class Exposition {
 public:
  explicit Exposition(std::vector<const prometheus::Collectable*> sources);
  std::string Text() const;

 private:
  const std::vector<const prometheus::Collectable*> sources_;
};

}  // namespace glyph::gateway
