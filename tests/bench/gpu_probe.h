#pragma once
#include <cstdint>
#include <optional>

namespace glyph::bench {

struct DeviceBytes {
  int64_t used = 0;  // whoever uses them
  int64_t total = 0;
};

// Memory of the first GPU, as its driver counts it.
DeviceBytes AskDevice();

// What a CUDA graph takes by the GPU's own clock, without the host. A program that calls these two
// is linked with -Wl,--wrap=cudaGraphLaunch: the probe stands between the model and the driver.
//
// The next graph that is launched is launched several times more right behind itself, so that the
// GPU finds the next one whenever it is done with one. The graph must bear that; whoever waits for
// it waits longer. Thread-safe.
void ReplayNextGraph();
// Milliseconds of one replay, once the launch's own work is done; nullopt: no graph was launched
// since ReplayNextGraph. Forgets it.
std::optional<double> TakeReplayMs();

}  // namespace glyph::bench
