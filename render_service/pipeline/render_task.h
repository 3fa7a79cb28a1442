#pragma once
#include "absl/status/statusor.h"
#include "render_service/pipeline/render_event.h"
#include "render_service/pipeline/worker_tools.h"

namespace glyph::render {

// One document or image on its way to pages, in steps of a few milliseconds, so that documents share
// the workers and a cancelled one stops soon. Between steps a task holds no thread. Steps may
// run on different threads, one at a time.
class RenderTask {
 public:
  virtual ~RenderTask() = default;

  // Brings the events in the order plan, pages, summary, each once it is ready. An error ends the
  // task, and so does the summary.
  virtual absl::StatusOr<RenderEvent> Step(WorkerTools& tools) = 0;

  // Makes a step that runs on another thread end soon, with any result. No step follows.
  virtual void Cancel() {}
};

}  // namespace glyph::render
