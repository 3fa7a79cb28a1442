#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vlm_service/model_folder.h"
#include "vlm_service/scheduler/step_budget.h"

namespace glyph::vlm {

// What the command line of glyph-vlm says; `glyph-vlm --help` explains each.
struct Flags {
  ModelFlags model;
  std::string host = "127.0.0.1";
  int port = 8083;
  int32_t max_waiting = 128;
  std::string prefix_cache = "on";
  StepBudget budget;
  int linger_s = 0;
  int drain_s = 10;
  std::string log_file;
  size_t log_max_mib = 64;
};

// Reads the command line. A number: the process ends with it, after help, version or usage.
std::optional<int> ParseFlags(int argc, char** argv, Flags& flags);

}  // namespace glyph::vlm
