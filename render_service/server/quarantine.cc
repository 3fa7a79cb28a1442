#include "render_service/server/quarantine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/base/check.h"
#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

constexpr char kMagic[8] = {'g', 'l', 'y', 'p', 'h', 'q', '0', '1'};
constexpr int kMaxOffenders = 1024;  // the one struck longest ago makes room

absl::Status CannotUse(const std::string& file, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("the crash record ", file, " ", why, "; name another file"));
}

}  // namespace

// As it lies in the file. A slot is taken while its time is not 0, which is written last.
struct Quarantine::Record {
  struct Slot {
    base::Sha256Digest document;
    int64_t since_ms;
  };
  struct Offender {
    base::Sha256Digest document;
    int64_t last_ms;
    int64_t strikes;
  };
  char magic[sizeof(kMagic)];
  Slot slots[kMaxSteps];
  Offender offenders[kMaxOffenders];
};

Quarantine::Step::Step(Quarantine& quarantine, const base::Sha256Digest& document)
    : quarantine_(quarantine), slot_(quarantine.Enter(document)) {}

Quarantine::Step::~Step() { quarantine_.Leave(slot_); }

absl::StatusOr<std::unique_ptr<Quarantine>> Quarantine::Open(const std::string& file,
                                                             std::function<absl::Time()> now) {
  int fd = -1;
  if (!file.empty()) {
    fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return CannotUse(file, absl::StrCat("cannot be opened: ", std::strerror(errno)));
  }
  const auto give_up = [&](absl::string_view why) {
    close(fd);
    return CannotUse(file, why);
  };
  bool is_new = true;
  if (fd >= 0) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return give_up("is in use by another process");
    struct stat info = {};
    if (fstat(fd, &info) != 0) return give_up("cannot be read");
    is_new = info.st_size == 0;
    if (!is_new && info.st_size != sizeof(Record)) return give_up("is another kind of file");
    if (is_new && ftruncate(fd, sizeof(Record)) != 0) return give_up("cannot be written");
  }
  void* memory = mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE,
                      fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return give_up("cannot be mapped");
  auto* record = static_cast<Record*>(memory);
  if (is_new) std::memcpy(record->magic, kMagic, sizeof(kMagic));
  if (std::memcmp(record->magic, kMagic, sizeof(kMagic)) != 0) {
    munmap(memory, sizeof(Record));
    return give_up("is another kind of file");
  }
  std::unique_ptr<Quarantine> quarantine(new Quarantine(record, fd, std::move(now)));
  quarantine->StrikeWhatWasWorkedOn();
  return quarantine;
}

Quarantine::Quarantine(Record* record, int file, std::function<absl::Time()> now)
    : record_(record), file_(file), now_(std::move(now)) {}

Quarantine::~Quarantine() {
  munmap(record_, sizeof(Record));
  if (file_ >= 0) close(file_);
}

absl::Status Quarantine::Check(const base::Sha256Digest& document, const std::string& field) const {
  const absl::Time now = now_();
  const auto refuse = [&](absl::string_view why, absl::Duration time) {
    return rpc::InvalidArgument(
        "DOCUMENT_QUARANTINED", field,
        absl::StrCat(field, " ", why, "; it is refused for ",
                     absl::FormatDuration(absl::Ceil(time, absl::Minutes(1)))));
  };
  base::MutexLock lock(mutex_);
  for (const Record::Slot& slot : record_->slots) {
    if (slot.since_ms == 0 || slot.document != document) continue;
    if (now - absl::FromUnixMillis(slot.since_ms) > kMaxStep) {
      return refuse("keeps a worker of this renderer busy for too long", kTime);
    }
  }
  for (const Record::Offender& offender : record_->offenders) {
    if (offender.strikes < kMaxStrikes || offender.document != document) continue;
    const absl::Duration left = absl::FromUnixMillis(offender.last_ms) + kTime - now;
    if (left > absl::ZeroDuration()) return refuse("was being drawn when renderers failed", left);
  }
  return absl::OkStatus();
}

int Quarantine::Enter(const base::Sha256Digest& document) {
  const int64_t now_ms = absl::ToUnixMillis(now_());
  base::MutexLock lock(mutex_);
  for (int i = 0; i < kMaxSteps; ++i) {
    Record::Slot& slot = record_->slots[i];
    if (slot.since_ms != 0) continue;
    slot.document = document;
    std::atomic_ref(slot.since_ms).store(now_ms, std::memory_order_release);
    return i;
  }
  GLYPH_CHECK(false);  // more steps than workers
  return -1;
}

void Quarantine::Leave(int slot) {
  const absl::Time now = now_();
  base::MutexLock lock(mutex_);
  Record::Slot& left = record_->slots[slot];
  if (now - absl::FromUnixMillis(left.since_ms) > kMaxStep) Strike(left.document, kMaxStrikes);
  std::atomic_ref(left.since_ms).store(0, std::memory_order_release);
}

void Quarantine::StrikeWhatWasWorkedOn() {
  base::MutexLock lock(mutex_);
  for (Record::Slot& slot : record_->slots) {
    if (slot.since_ms == 0) continue;
    Strike(slot.document, 1);
    slot.since_ms = 0;
  }
}

void Quarantine::Strike(const base::Sha256Digest& document, int count) {
  Record::Offender* offender = std::begin(record_->offenders);
  for (Record::Offender& other : record_->offenders) {
    if (other.document == document) {
      offender = &other;
      break;
    }
    if (other.last_ms < offender->last_ms) offender = &other;
  }
  const absl::Time now = now_();
  const bool is_known = offender->document == document &&
                        now - absl::FromUnixMillis(offender->last_ms) < kTime;
  offender->document = document;
  offender->strikes = (is_known ? offender->strikes : 0) + count;
  offender->last_ms = absl::ToUnixMillis(now);
}

}  // namespace glyph::render
