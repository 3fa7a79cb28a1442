#pragma once
#include <chrono>
#include <functional>

namespace glyph::gateway {

using SteadyTime = std::chrono::steady_clock::time_point;

// std::chrono::steady_clock::now, or a test's clock: quotas do not jump when somebody sets the
// time.
using SteadyClock = std::function<SteadyTime()>;

}  // namespace glyph::gateway
