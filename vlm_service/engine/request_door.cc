#include "vlm_service/engine/request_door.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/base/check.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {

absl::Status RequestDoor::Enter(const std::string& id) {
  base::MutexLock lock(mutex_);
  if (!closed_.ok()) return closed_;
  if (waiting_.contains(id) || admitted_.contains(id)) {
    return rpc::MakeError(
        absl::StatusCode::kAlreadyExists,
        {.reason = "REQUEST_ID_IN_USE", .field = "start.request_id", .retry_after = {}},
        "a running request has this request_id; choose another or leave it empty");
  }
  if (static_cast<int32_t>(waiting_.size()) >= max_waiting_) {
    return rpc::ResourceExhausted(
        "QUEUE_FULL", absl::Seconds(1),
        absl::StrCat(waiting_.size(), " requests wait already, the limit; retry later"));
  }
  waiting_.insert(id);
  return absl::OkStatus();
}

void RequestDoor::Admit(const std::string& id) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(waiting_.erase(id) == 1);
  admitted_.insert(id);
}

void RequestDoor::Leave(const std::string& id) {
  base::MutexLock lock(mutex_);
  GLYPH_CHECK(waiting_.erase(id) + admitted_.erase(id) == 1);
}

void RequestDoor::Close(absl::Status why) {
  base::MutexLock lock(mutex_);
  if (closed_.ok()) closed_ = std::move(why);
}

absl::Status RequestDoor::status() const {
  base::MutexLock lock(mutex_);
  return closed_;
}

int32_t RequestDoor::num_waiting() const {
  base::MutexLock lock(mutex_);
  return static_cast<int32_t>(waiting_.size());
}

}  // namespace glyph::vlm
