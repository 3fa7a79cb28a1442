#include "gateway/http/host_check.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"

namespace glyph::gateway {
namespace {

bool IsAddress(int family, const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, name.c_str(), bytes) == 1;
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

bool IsHostAllowed(std::string_view host, const std::set<std::string>& allowed) {
  if (host.empty()) return true;
  // [address]:port or name:port
  const size_t bracket = host.front() == '[' ? host.find(']') : std::string_view::npos;
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos && !IsPort(host.substr(colon + 1))) return false;
  std::string name = absl::AsciiStrToLower(std::string(host.substr(0, colon)));
  if (bracket != std::string_view::npos) {
    return name.size() == bracket + 1 && IsAddress(AF_INET6, name.substr(1, bracket - 1));
  }
  return name == "localhost" || IsAddress(AF_INET, name) || allowed.contains(name);
}

}  // namespace glyph::gateway
