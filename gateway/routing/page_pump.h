#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gateway/routing/answer.h"
#include "gateway/routing/part_render.h"
#include "gateway/routing/strand.h"
#include "gateway/routing/vlm_client.h"

namespace glyph::gateway {

// Moves the pages of a request from the renderer to the model, in order. A page is read from the
// renderer only when the model has taken the one before, and a strip only when the one before is on
// its way, so that the gateway never holds more than one strip of a request. Runs on the strand of
// its flow.
class PagePump {
 public:
  // The renders whose pages go to part `vlm_part_index` of the prompt.
  struct Source {
    PartRender* render;
    uint32_t vlm_part_index;
  };
  // Once: OK when every page went through, else the first error.
  using EndCallback = std::function<void(const absl::Status&)>;

  // `sources` in the order of their parts, their plans read; `answer` and `call` outlive the pump.
  // `post` goes to the strand of the flow.
  PagePump(std::vector<Source> sources, Answer& answer, GenerateCall& call, Poster post,
           EndCallback on_end);

  void Start() { ReadNext(); }

  // The model's answer to the page offered last. INTERNAL when none is due for that page.
  absl::Status HandleDecision(const v1::PageDecision& decision);

  // The reader of the answer has caught up.
  void Resume();

  uint32_t num_pages() const { return num_pages_; }
  // Where in AskRequest the page offered last comes from; "parts" before the first.
  std::string source_path() const;

 private:
  void ReadNext();
  void Take(absl::StatusOr<v1::RenderResponse> event);
  void Offer(v1::PageHeader page);
  void Forward(v1::PageStrip strip);

  const std::vector<Source> sources_;
  Answer& answer_;
  GenerateCall& call_;
  const Poster post_;
  const EndCallback on_end_;
  size_t current_ = 0;      // source being read
  uint32_t num_pages_ = 0;  // offered so far
  bool awaits_decision_ = false;
  bool needs_pixels_ = false;  // the model's answer to the last page
  bool paused_ = false;        // until the reader of the answer catches up
};

}  // namespace glyph::gateway
