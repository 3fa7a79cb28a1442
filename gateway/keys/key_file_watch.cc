#include "gateway/keys/key_file_watch.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/keys/key_file.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

absl::StatusOr<std::unique_ptr<KeyFileWatch>> KeyFileWatch::Start(std::string path, KeyRing& keys,
                                                                  KeyMetrics& metrics,
                                                                  absl::Duration interval) {
  std::unique_ptr<KeyFileWatch> watch(new KeyFileWatch(std::move(path), keys, metrics));
  {
    base::MutexLock lock(watch->mutex_);
    watch->last_ = ReadKeyFile(watch->path_);
    GLYPH_RETURN_IF_ERROR(watch->TakeOver());
  }
  watch->thread_ = std::thread([watch = watch.get(), interval] { watch->Run(interval); });
  return watch;
}

KeyFileWatch::KeyFileWatch(std::string path, KeyRing& keys, KeyMetrics& metrics)
    : path_(std::move(path)), keys_(keys), metrics_(metrics) {}

KeyFileWatch::~KeyFileWatch() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void KeyFileWatch::Poll() {
  base::MutexLock lock(mutex_);
  absl::StatusOr<std::string> bytes = ReadKeyFile(path_);
  if (bytes == last_) return;
  last_ = std::move(bytes);
  const absl::Status status = TakeOver();
  metrics_.CountReload(status.ok());
  if (!status.ok()) {
    base::LogError("key_file_refused", {{"path", path_}, {"why", std::string(status.message())}});
  }
}

absl::Status KeyFileWatch::TakeOver() {
  GLYPH_RETURN_IF_ERROR(last_.status());
  GLYPH_ASSIGN_OR_RETURN(const std::vector<KeyEntry> entries, ParseKeyFile(*last_));
  keys_.SetKeys(entries);
  base::LogInfo("keys_loaded", {{"path", path_}, {"keys", absl::StrCat(entries.size())}});
  return absl::OkStatus();
}

void KeyFileWatch::Run(absl::Duration interval) {
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      while (!stopping_ && stop_.WaitFor(mutex_, absl::ToChronoNanoseconds(interval))) {
      }
      if (stopping_) return;
    }
    Poll();
  }
}

}  // namespace glyph::gateway
