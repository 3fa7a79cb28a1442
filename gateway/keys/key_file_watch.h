#pragma once
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/keys/key_ring.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Keeps a ring as its file says. The file is read again every second, so that no way of replacing
// it (in place, by a rename, behind a link) goes unseen; a broken one is logged and counted once,
// and the last good one stays in force. `keys` and `metrics` outlive it. Thread-safe.
class KeyFileWatch {
 public:
  // Reads the file and sets the keys. Errors as ReadKeyFile and ParseKeyFile.
  static absl::StatusOr<std::unique_ptr<KeyFileWatch>> Start(
      std::string path, KeyRing& keys, KeyMetrics& metrics,
      absl::Duration interval = absl::Seconds(1));
  ~KeyFileWatch();
  KeyFileWatch(const KeyFileWatch&) = delete;
  KeyFileWatch& operator=(const KeyFileWatch&) = delete;

  // What happens at every interval.
  void Poll() GLYPH_EXCLUDES(mutex_);

 private:
  KeyFileWatch(std::string path, KeyRing& keys, KeyMetrics& metrics);

  // Sets the keys of what was read last.
  absl::Status TakeOver() GLYPH_REQUIRES(mutex_);
  void Run(absl::Duration interval) GLYPH_EXCLUDES(mutex_);

  const std::string path_;
  KeyRing& keys_;
  KeyMetrics& metrics_;
  base::Mutex mutex_;
  base::CondVar stop_;
  bool stopping_ GLYPH_GUARDED_BY(mutex_) = false;
  absl::StatusOr<std::string> last_ GLYPH_GUARDED_BY(mutex_);  // bytes, or why there are none
  std::thread thread_;
};

}  // namespace glyph::gateway
