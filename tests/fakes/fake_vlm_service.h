#pragma once
#include <cstddef>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "glyph/v1/vlm.grpc.pb.h"
#include "grpcpp/server_context.h"
#include "proto/base/mutex.h"
#include "proto/rpc/server_runner.h"

namespace glyph::fakes {

// vlm_service without a model, on a free port of 127.0.0.1: takes every page and answers each
// prompt with `Behaviour::answer`, as often as n says, from where forced_output_ids end. A text
// has a token for each two bytes of it. Token i of an answer has the log-probability -i, and those
// asked for besides follow by -1 each. Can stop or fail after any number of events. Thread-safe.
class FakeVlmService final : public v1::VlmService::CallbackService {
 public:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();

  // What the next calls do.
  struct Behaviour {
    std::vector<std::string> answer = {"Hello", " ", "world"};  // texts of the tokens
    bool keeps_pages = false;    // whether it has pages whose pixels it took before
    size_t hang_after = kNever;  // events sent before it waits for the client to cancel
    size_t fail_after = kNever;  // events sent before it ends with `error`
    grpc::Status error;
  };

  // `port`: 0, or that of a service that was stopped.
  explicit FakeVlmService(int port = 0);
  ~FakeVlmService() override;

  void SetBehaviour(Behaviour behaviour) GLYPH_EXCLUDES(mutex_);
  void SetModel(v1::Model model) GLYPH_EXCLUDES(mutex_);
  void SetServing(bool serving);

  std::string address() const;
  int port() const { return server_->port(); }
  // Start messages so far, in order.
  std::vector<v1::GenerateStart> starts() const GLYPH_EXCLUDES(mutex_);
  // The traceparent of the last Generate call; empty without one.
  std::string traceparent() const GLYPH_EXCLUDES(mutex_);
  int num_model_calls() const GLYPH_EXCLUDES(mutex_);
  int num_strips() const GLYPH_EXCLUDES(mutex_);
  // False when no `count` Generate calls were cancelled, or begun, within ten seconds.
  bool WaitForCancelled(int count) GLYPH_EXCLUDES(mutex_);
  bool WaitForStarts(size_t count) GLYPH_EXCLUDES(mutex_);

 private:
  class GenerateCall;
  class StatsCall;
  grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* CountTokens(grpc::CallbackServerContext* context,
                                        const v1::CountTokensRequest* request,
                                        v1::CountTokensResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchStatsResponse>* WatchStats(
      grpc::CallbackServerContext* context, const v1::WatchStatsRequest* request) override;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  Behaviour behaviour_ GLYPH_GUARDED_BY(mutex_);
  v1::Model model_ GLYPH_GUARDED_BY(mutex_);
  std::vector<v1::GenerateStart> starts_ GLYPH_GUARDED_BY(mutex_);
  std::set<std::string> page_keys_ GLYPH_GUARDED_BY(mutex_);  // of pages taken
  std::string traceparent_ GLYPH_GUARDED_BY(mutex_);
  int num_model_calls_ GLYPH_GUARDED_BY(mutex_) = 0;
  int num_strips_ GLYPH_GUARDED_BY(mutex_) = 0;
  int num_cancelled_ GLYPH_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<rpc::ServerRunner> server_;
};

}  // namespace glyph::fakes
