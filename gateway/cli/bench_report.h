#pragma once
#include <map>
#include <string>
#include <vector>

#include "gateway/cli/open_loop.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway::cli {

// Percentiles of some milliseconds, by nearest rank: each is a value that was measured.
struct Percentiles {
  size_t count = 0;  // 0: the others are 0 too
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
};
Percentiles PercentilesOf(std::vector<double> values);

// What a load showed. Times are of calls that ended well.
struct BenchReport {
  int num_requests = 0;
  int num_ok = 0;
  double seconds = 0;  // from the first start to the last end
  uint64_t output_tokens = 0;
  Percentiles first_token_ms, inter_token_ms, total_ms;
  std::map<std::string, int> errors;  // by "CODE REASON"
};
BenchReport Summarize(const std::vector<CallTimes>& calls, double seconds);

// For people, some lines; for machines, one object.
std::string Describe(const BenchReport& report);
nlohmann::ordered_json ToJson(const BenchReport& report);

}  // namespace glyph::gateway::cli
