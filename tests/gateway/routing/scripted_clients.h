#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/routing/answer_sink.h"
#include "gateway/routing/render_client.h"
#include "gateway/routing/timer.h"
#include "gateway/routing/vlm_client.h"

// RenderClient, VlmClient and AnswerSink whose every step the test takes itself, on its own thread.
namespace glyph::gateway {

// The far end of one scripted stream.
template <typename Event>
struct ScriptedStream {
  StreamListener<Event> listener;
  absl::Time deadline;
  std::string traceparent;
  int num_reads = 0;  // Read() so far
  bool cancelled = false;

  void Send(Event event) { listener.on_event(std::move(event)); }
  // Ends the call, once; what comes later does nothing. Like a real call it then forgets its owner.
  void End(const absl::Status& status) {
    const StreamListener<Event> ended = std::exchange(listener, {});
    if (ended.on_done) ended.on_done(status);
  }
};

struct ScriptedRender : ScriptedStream<v1::RenderResponse> {
  v1::RenderStart start;
  std::string source;
};

struct ScriptedGenerate : ScriptedStream<v1::GenerateResponse> {
  std::vector<v1::GenerateRequest> writes;
  std::deque<std::function<void()>> unwritten;  // on_written of writes the test has not let through
  bool hold_writes = false;
  bool half_closed = false;

  // Lets the oldest held write through.
  void LetWriteThrough();
};

class ScriptedRenderClient final : public RenderClient {
 public:
  std::unique_ptr<RenderCall> Render(v1::RenderStart start,
                                     std::shared_ptr<const std::string> source,
                                     const UpstreamCall& call,
                                     StreamListener<v1::RenderResponse> listener) override;
  std::vector<std::shared_ptr<ScriptedRender>> calls;
};

class ScriptedVlmClient final : public VlmClient {
 public:
  std::unique_ptr<GenerateCall> Generate(const UpstreamCall& call,
                                         StreamListener<v1::GenerateResponse> listener) override;
  void GetModel(absl::Time deadline, ModelCallback done) override;
  void CountTokens(std::string text, absl::Time deadline, CountCallback done) override;

  std::vector<std::shared_ptr<ScriptedGenerate>> calls;
  std::vector<ModelCallback> model_calls;
  bool holds_counts = false;  // else texts count as many tokens as bytes, at once
  std::vector<CountCallback> held_counts;
};

// A timer whose work runs when the test says.
class ScriptedTimer final : public Timer {
 public:
  void At(absl::Time when, std::function<void()> work) override { this->work.emplace(when, work); }
  // Runs what is due at `now`, also what that work adds.
  void RunDue(absl::Time now);

  std::multimap<absl::Time, std::function<void()>> work;
};

// Keeps what it is given.
class RecordingAnswerSink final : public AnswerSink {
 public:
  void Emit(v1::AskResponse event) override { events.push_back(std::move(event)); }
  bool congested() const override { return is_congested; }
  bool TakeBackDeltas() override {
    if (keeps_deltas) std::erase_if(events, [](const auto& event) { return event.has_delta(); });
    return keeps_deltas;
  }
  void End(const absl::Status& status) override { ends.push_back(status); }

  std::vector<v1::AskResponse> events;
  std::vector<absl::Status> ends;
  bool is_congested = false;
  bool keeps_deltas = false;  // none is on its way to the reader
};

}  // namespace glyph::gateway
