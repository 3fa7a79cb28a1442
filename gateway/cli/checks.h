#pragma once
#include <cstdint>
#include <string>

namespace glyph::gateway::cli {

// What `glyph doctor` found out about one thing.
struct Finding {
  enum class State { kOk, kWarn, kFail };
  std::string name;
  State state = State::kOk;
  std::string message;  // what is, and unless all is well what to do
};

// The NVIDIA driver, as `proc` (/proc) tells: it must know CUDA 13; without one the CPU works.
Finding CheckDriver(const std::string& proc);

// Whether the memory that `proc` calls available holds a model of so many bytes and the services.
Finding CheckMemory(const std::string& proc, uint64_t model_bytes);

// The default ports of the services on 127.0.0.1. `runs`: a gateway answers, so they may be taken.
Finding CheckPorts(bool runs);

// The fonts that the render profiles name, one of each package, in `folder` or below it.
Finding CheckFonts(const std::string& folder);

}  // namespace glyph::gateway::cli
