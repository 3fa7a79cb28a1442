#include "gateway/cli/checks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace glyph::gateway::cli {
namespace {

using State = Finding::State;

constexpr int kMinDriver = 580;                  // the first that knows CUDA 13
constexpr uint64_t kServicesBytes = 1ull << 30;  // render_service, gateway and KV cache
constexpr uint64_t kLeastBytes = 512ull << 20;   // below it nothing starts well
constexpr uint64_t kMebibyte = 1 << 20;

struct Port {
  int number;
  const char* flag;
};
constexpr Port kPorts[] = {{8080, "glyph-gateway --http-port"},
                           {8081, "glyph-gateway --grpc-port"},
                           {8082, "glyph-render --port"},
                           {8083, "glyph-vlm --port"},
                           {9464, "glyph-gateway --metrics-port"}};

bool IsFree(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto close_listener = absl::MakeCleanup([listener] { close(listener); });
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
         listen(listener, 1) == 0;
}

}  // namespace

Finding CheckDriver(const std::string& proc) {
  std::ifstream file(proc + "/driver/nvidia/version");
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ...": the first word with a dot.
  for (std::string word; file >> word;) {
    int major = 0;
    const size_t dot = word.find('.');
    if (dot == std::string::npos || !absl::SimpleAtoi(word.substr(0, dot), &major)) continue;
    if (major >= kMinDriver) return {"driver", State::kOk, absl::StrCat("NVIDIA ", word)};
    return {"driver", State::kWarn,
            absl::StrCat("NVIDIA ", word, " is older than ", kMinDriver,
                         ", which CUDA 13 needs; update it, or run glyph-vlm with --device cpu")};
  }
  return {"driver", State::kWarn,
          "no NVIDIA driver; install one for a GPU, or run glyph-vlm with --device cpu"};
}

Finding CheckMemory(const std::string& proc, uint64_t model_bytes) {
  std::ifstream file(proc + "/meminfo");
  uint64_t available = 0;
  for (std::string word; file >> word;) {
    if (word == "MemAvailable:" && file >> available) break;
  }
  available *= 1024;
  const uint64_t needed = model_bytes + kServicesBytes;
  const std::string is = absl::StrCat(available / kMebibyte, " MiB available");
  if (available >= needed) return {"memory", State::kOk, is};
  const std::string advice =
      absl::StrCat(is, ", the model and the services need about ", needed / kMebibyte,
                   " MiB on a CPU; end other programs or take a GPU");
  return {"memory", available < kLeastBytes ? State::kFail : State::kWarn, advice};
}

Finding CheckPorts(bool runs) {
  std::vector<std::string> taken, advice;
  for (const Port& port : kPorts) {
    if (IsFree(port.number)) continue;
    taken.push_back(absl::StrCat(port.number));
    advice.push_back(absl::StrCat(port.number, " (", port.flag, ")"));
  }
  if (taken.empty()) return {"ports", State::kOk, "8080 to 8083 and 9464 are free"};
  if (runs) {
    return {"ports", State::kOk,
            absl::StrCat(absl::StrJoin(taken, ", "), " in use, and a gateway answers")};
  }
  return {"ports", State::kWarn,
          absl::StrCat("taken by another program: ", absl::StrJoin(advice, ", "),
                       "; end it or name other ports")};
}

Finding CheckFonts(const std::string& folder) {
  std::map<std::string, std::string> missing = {
      {"NotoSansCJK-Regular.ttc", "fonts-noto-cjk"},
      {"NotoSansDevanagari-Regular.ttf", "fonts-noto-core"},
      {"Symbola_hint.ttf", "fonts-symbola"}};
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator file(folder, error), end;
       !error && file != end; file.increment(error)) {
    missing.erase(file->path().filename());
  }
  if (missing.empty()) return {"fonts", State::kOk, folder};
  const auto& [font, package] = *missing.begin();
  return {"fonts", State::kFail,
          absl::StrCat("no ", font, " below ", folder, "; install ", package,
                       " or name the folder of its fonts with --font-dir")};
}

}  // namespace glyph::gateway::cli
