#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/fakes/recording_sink.h"
#include "vlm_service/engine/engine.h"

namespace glyph::vlm {

inline constexpr FakePage kPage = {1, {2, 5}};  // 10 tokens
inline constexpr FakePage kOther = {2, {2, 5}};
inline constexpr ExecutorLimits kLimits = {.num_blocks = 40,
                                           .block_tokens = 8,
                                           .max_slots = 2,
                                           .max_vision_tokens = 60,
                                           .context_tokens = 200,
                                           .max_steps_in_flight = 2};
inline constexpr int32_t kStopId = 500;

inline absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Tokens 0..255 write their byte, all others nothing.
inline std::string_view TokenBytes(int32_t id) {
  static const std::string bytes = [] {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    return all;
  }();
  return id >= 0 && id < 256 ? std::string_view(bytes).substr(static_cast<size_t>(id), 1) : "";
}

// Answers with `answer`, then the stop id for ever.
inline FakeModel Says(std::string answer) {
  return [answer](const FakeQuery& query) -> std::optional<int32_t> {
    const auto index = static_cast<size_t>(query.num_outputs);
    return index < answer.size() ? static_cast<unsigned char>(answer[index]) : kStopId;
  };
}

// An engine over a fake executor and the sink of one request.
class EngineFixture : public testing::Test {
 protected:
  void Start(FakeModel model, EngineOptions options = {}) {
    auto executor = std::make_unique<FakeStepExecutor>(kLimits, std::move(model));
    executor_ = executor.get();
    engine_ = std::make_unique<Engine>(std::move(executor), TokenMeaning{TokenBytes, {kStopId}},
                                       SteadyNow, std::move(options));
  }

  Request MakeRequest(const std::shared_ptr<RecordingSink>& sink) {
    Request request;
    request.id = absl::StrCat("r", next_id_++);
    request.max_prompt_tokens = 50;
    request.max_output_tokens = 20;
    request.sink = sink;
    return request;
  }

  // A request whose prompt is complete at once.
  SequenceId BeginText(Request request) {
    const auto id = engine_->Begin(std::move(request));
    EXPECT_TRUE(id.ok()) << id.status();
    engine_->FinishPrompt(*id, FakeText({1, 2, 3}));
    return *id;
  }

  // Offers a page and sends its pixels if they are asked for.
  void SendPage(SequenceId id, RecordingSink& sink, FakePromptStream& stream,
                const FakePage& page) {
    const size_t index = sink.decisions().size();
    engine_->OfferPage(id, page.Name(), stream.Page({9}, page.grid));
    if (sink.AwaitDecision(index) == false) engine_->AddPage(id, page.Image());
  }

  std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
  std::unique_ptr<Engine> engine_;
  FakeStepExecutor* executor_ = nullptr;
  int next_id_ = 0;
};

}  // namespace glyph::vlm
