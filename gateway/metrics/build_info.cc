#include "gateway/metrics/build_info.h"

#include "prometheus/gauge.h"

namespace glyph::gateway {

void RegisterBuildInfo(prometheus::Registry& registry) {
  prometheus::BuildGauge()
      .Name("glyph_build_info")
      .Help("Version of the running binary; the value is always 1.")
      .Register(registry)
      .Add({{"service", "gateway"}, {"version", GLYPH_VERSION}})
      .Set(1);
}

}  // namespace glyph::gateway
