#include "tests/gateway/routing/scripted_clients.h"

#include <utility>

namespace glyph::gateway {
namespace {

class ScriptedRenderCall final : public RenderCall {
 public:
  explicit ScriptedRenderCall(std::shared_ptr<ScriptedRender> script)
      : script_(std::move(script)) {}
  ~ScriptedRenderCall() override { script_->cancelled = true; }
  void Read() override { ++script_->num_reads; }
  void Cancel() override { script_->cancelled = true; }

 private:
  const std::shared_ptr<ScriptedRender> script_;
};

class ScriptedGenerateCall final : public GenerateCall {
 public:
  explicit ScriptedGenerateCall(std::shared_ptr<ScriptedGenerate> script)
      : script_(std::move(script)) {}
  ~ScriptedGenerateCall() override { script_->cancelled = true; }
  void Write(v1::GenerateRequest request, std::function<void()> on_written) override {
    script_->writes.push_back(std::move(request));
    script_->unwritten.push_back(std::move(on_written));
    if (!script_->hold_writes) script_->LetWriteThrough();
  }
  void WritesDone() override { script_->half_closed = true; }
  void Read() override { ++script_->num_reads; }
  void Cancel() override { script_->cancelled = true; }

 private:
  const std::shared_ptr<ScriptedGenerate> script_;
};

}  // namespace

void ScriptedGenerate::LetWriteThrough() {
  const auto on_written = std::move(unwritten.front());
  unwritten.pop_front();
  if (on_written) on_written();
}

void ScriptedTimer::RunDue(absl::Time now) {
  while (!work.empty() && work.begin()->first <= now) work.extract(work.begin()).mapped()();
}

std::unique_ptr<RenderCall> ScriptedRenderClient::Render(
    v1::RenderStart start, std::shared_ptr<const std::string> source, const UpstreamCall& call,
    StreamListener<v1::RenderResponse> listener) {
  auto script = std::make_shared<ScriptedRender>();
  script->start = std::move(start);
  script->source = *source;
  script->deadline = call.deadline;
  script->traceparent = call.traceparent;
  script->listener = std::move(listener);
  calls.push_back(script);
  return std::make_unique<ScriptedRenderCall>(std::move(script));
}

std::unique_ptr<GenerateCall> ScriptedVlmClient::Generate(
    const UpstreamCall& call, StreamListener<v1::GenerateResponse> listener) {
  auto script = std::make_shared<ScriptedGenerate>();
  script->deadline = call.deadline;
  script->traceparent = call.traceparent;
  script->listener = std::move(listener);
  calls.push_back(script);
  return std::make_unique<ScriptedGenerateCall>(std::move(script));
}

void ScriptedVlmClient::GetModel(absl::Time, ModelCallback done) {
  model_calls.push_back(std::move(done));
}

void ScriptedVlmClient::CountTokens(std::string text, absl::Time, CountCallback done) {
  if (holds_counts) return held_counts.push_back(std::move(done));
  done(text.size());
}

}  // namespace glyph::gateway
