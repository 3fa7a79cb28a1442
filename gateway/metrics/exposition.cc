#include "gateway/metrics/exposition.h"

#include <iterator>
#include <utility>

#include "prometheus/text_serializer.h"

namespace glyph::gateway {

Exposition::Exposition(std::vector<const prometheus::Collectable*> sources)
    : sources_(std::move(sources)) {}

std::string Exposition::Text() const {
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* source : sources_) {
    auto collected = source->Collect();
    families.insert(families.end(), std::make_move_iterator(collected.begin()),
                    std::make_move_iterator(collected.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace glyph::gateway
