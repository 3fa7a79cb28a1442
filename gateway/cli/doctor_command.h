#pragma once
#include <string>

namespace glyph::gateway::cli {

struct DoctorOptions {
  std::string server;
  std::string api_key;  // empty: none is sent
  std::string model = "deploy/models/nano";
  std::string font_dir = "/usr/share/fonts";
  bool json = false;
};

// glyph doctor: looks at what the services need of this machine, one line each: ok, warn or fail,
// and what to do. Returns 0 unless something fails, else 78.
int RunDoctor(const DoctorOptions& options);

}  // namespace glyph::gateway::cli
