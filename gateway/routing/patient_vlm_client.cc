#include "gateway/routing/patient_vlm_client.h"

#include <utility>

#include "gateway/routing/upstream_error.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

struct PatientVlmClient::Patience {
  explicit Patience(const Recovery& services) : recovery(services) {}

  const Recovery recovery;
  base::Mutex mutex;
  bool is_over GLYPH_GUARDED_BY(mutex) = false;  // `recovery` may be gone
};

namespace {

using Patience = PatientVlmClient::Patience;
template <typename Result>
using Callback = std::function<void(absl::StatusOr<Result>)>;

// One question, put until it is answered or refused, or patience is over.
template <typename Result>
class Question : public std::enable_shared_from_this<Question<Result>> {
 public:
  using Put = std::function<void(Callback<Result>)>;

  Question(Put put, std::shared_ptr<Patience> patience, absl::Time deadline, Callback<Result> done)
      : put_(std::move(put)),
        patience_(std::move(patience)),
        outage_(patience_->recovery, Upstream::kVlm, deadline),
        done_(std::move(done)) {}

  void Ask() {
    put_([self = this->shared_from_this()](absl::StatusOr<Result> result) {
      if (!self->TryAgain(result.status())) self->done_(std::move(result));
    });
  }

 private:
  bool TryAgain(const absl::Status& status) {
    if (!UpstreamIsAway(status)) return false;
    base::MutexLock lock(patience_->mutex);
    return !patience_->is_over &&
           outage_.TryAgain(false, [self = this->shared_from_this(), status](bool ready) {
             ready ? self->Ask() : self->done_(status);
           });
  }

  const Put put_;
  const std::shared_ptr<Patience> patience_;
  Outage outage_;
  const Callback<Result> done_;
};

}  // namespace

PatientVlmClient::PatientVlmClient(VlmClient& vlm, const Recovery& recovery)
    : vlm_(vlm), patience_(std::make_shared<Patience>(recovery)) {}

PatientVlmClient::~PatientVlmClient() {
  base::MutexLock lock(patience_->mutex);
  patience_->is_over = true;
}

std::unique_ptr<GenerateCall> PatientVlmClient::Generate(
    const UpstreamCall& call, StreamListener<v1::GenerateResponse> listener) {
  return vlm_.Generate(call, std::move(listener));
}

void PatientVlmClient::GetModel(absl::Time deadline, ModelCallback done) {
  const auto put = [&vlm = vlm_, deadline](ModelCallback answer) {
    vlm.GetModel(deadline, std::move(answer));
  };
  std::make_shared<Question<v1::Model>>(put, patience_, deadline, std::move(done))->Ask();
}

void PatientVlmClient::CountTokens(std::string text, absl::Time deadline, CountCallback done) {
  const auto put = [&vlm = vlm_, text = std::move(text), deadline](CountCallback answer) {
    vlm.CountTokens(text, deadline, std::move(answer));
  };
  std::make_shared<Question<uint64_t>>(put, patience_, deadline, std::move(done))->Ask();
}

}  // namespace glyph::gateway
