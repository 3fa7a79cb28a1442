#pragma once
#include <memory>
#include <string>

#include "glyph/v1/vlm.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/server_runner.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/fakes/vlm_client.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/server/vlm_service_impl.h"

namespace glyph::vlm {

inline constexpr int32_t kStopId = 263;  // <|user|> of nano's tokenizer
inline constexpr int32_t kLongId = 300;  // writes 1,000 bytes

// A whole vlm_service in this process, with nano's tokenizer and a fake model:
// a prompt with 'L' is answered by endless "x", with 'W' by endless 1,000-byte tokens, with 'V' by
// 150 of these and then an "x" a millisecond, with '~' by "x" and then NaN, with 'S' by the letter
// whose place in the alphabet is the seed, any other by "hello"; then the stop token.
class ServerFixture : public testing::Test {
 protected:
  static constexpr ExecutorLimits kLimits = {.num_blocks = 200,
                                             .block_tokens = 16,
                                             .max_slots = 4,
                                             .max_vision_tokens = 400,
                                             .context_tokens = 2000,
                                             .vision_layers = 2};

  explicit ServerFixture(absl::Duration stall_timeout = absl::Seconds(30));
  ~ServerFixture() override;

  v1::VlmService::Stub& stub() { return *stub_; }
  // Waits until no request is open: a server hears of a cancel after its client's call ended.
  void AwaitIdle();
  // Waits until no request is open and expects that nothing of them is left: blocks, slots, pages.
  void ExpectNothingLeft();

  ServedModel model_;
  std::unique_ptr<PromptBuilder> prompts_;
  FakeStepExecutor* executor_ = nullptr;  // the engine's
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<VlmServiceImpl> service_;
  std::unique_ptr<rpc::ServerRunner> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::VlmService::Stub> stub_;
};

}  // namespace glyph::vlm
