#include "gateway/cli/key_command.h"

#include <sys/random.h>
#include <sysexits.h>

#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/cli/exit_status.h"
#include "proto/base/sha256.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

constexpr size_t kKeyBytes = 32;  // nobody guesses it, so its plain hash tells nothing

}  // namespace

int RunKey(const std::string& name) {
  std::string random(kKeyBytes, '\0');
  if (getentropy(random.data(), random.size()) != 0) {
    return Report(rpc::Unavailable("NO_RANDOMNESS", absl::Seconds(1),
                                   "the system gives no random bytes; try again"));
  }
  const std::string key = absl::StrCat("glyph-", absl::BytesToHexString(random));
  std::printf("%s %s\n", name.c_str(), base::ToHex(base::Sha256().Update(key).Finish()).c_str());
  std::fprintf(stderr, "key of %s, shown this once: %s\n", name.c_str(), key.c_str());
  return EX_OK;
}

}  // namespace glyph::gateway::cli
