#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gateway/metrics/gateway_metrics.h"
#include "gateway/routing/answer_sink.h"
#include "gateway/routing/clock.h"
#include "glyph/v1/gateway.pb.h"
#include "glyph/v1/render.pb.h"
#include "glyph/v1/vlm.pb.h"

namespace glyph::gateway {

// Turns what happens behind a request into the events of its answer, its usage and the metrics.
// Runs on the strand of its flow; the sink and the metrics outlive it.
class Answer {
 public:
  // Which optional events the client asked for.
  struct Wants {
    bool pages = false;
    bool source_map = false;
  };

  Answer(AnswerSink& sink, GatewayMetrics& metrics, Clock now, Wants wants);

  // A try begins: what it brings again of pages and their progress is not emitted again. The ids of
  // the tokens it shall be forced to begin with: all so far but the last, which it repeats itself,
  // since it may have been the one that ends the answer.
  std::vector<uint32_t> BeginTry();
  // Forgets the tokens so far. The sink has emitted, or keeps, nothing of them.
  void ForgetTokens();
  // Whether text was emitted.
  bool has_text() const { return has_text_; }
  // Counts what came for the first time: tokens and progress of pages.
  int64_t num_news() const { return num_news_; }

  // False: another plan than that of the try before.
  bool AddPlan(v1::AskPlan plan);
  void AddDrawnPage(uint32_t part_index, const v1::PageHeader& page);
  void AddStrip(const v1::PageStrip& strip);
  void AddSourceMap(v1::SourceMap source_map);
  void AddRenderDone(const v1::RenderDone& done);
  void AddEncodedPage(const v1::PageEncoded& page);
  // False: not the token that the try had to repeat.
  bool AddTokens(v1::Tokens tokens);
  // One of several samples is complete: what is left of its text.
  void AddSampleFinished(const v1::SampleFinished& finished);
  // The last event: what is left of the text, then usage and warnings.
  void Finish(const v1::GenerateFinished& finished);

  bool congested() const { return sink_.congested(); }
  // Since the flow was created.
  double ElapsedMillis() const { return absl::ToDoubleMilliseconds(now_() - start_); }
  // So far; complete after Finish.
  const v1::Usage& usage() const { return usage_; }

 private:
  // Whether the next event of the pages' sequence (page, strip, source map, end of a render) comes
  // for the first time.
  bool IsNewPageEvent();
  void AddTiming(const v1::Tokens& tokens);
  // Text that was held back, behind the tokens that gave none so far.
  void AddTail(uint32_t sample, const std::string& text, v1::FinishReason reason);
  void EmitDelta(v1::AskDelta delta);
  void Emit(v1::AskResponse event) { sink_.Emit(std::move(event)); }

  AnswerSink& sink_;
  GatewayMetrics& metrics_;
  const Clock now_;
  const Wants wants_;
  const absl::Time start_;
  absl::Time last_tokens_;              // of the last tokens; InfinitePast before the first
  std::vector<uint32_t> part_of_page_;  // indexed by page
  std::optional<std::string> plan_;     // the one emitted, serialized
  int64_t num_page_events_ = 0;         // ever
  int64_t num_of_try_ = 0;              // of them, in this try
  std::set<uint32_t> encoded_;          // pages
  std::vector<uint32_t> token_ids_;     // in the order they came, of all samples
  std::optional<uint32_t> repeated_;    // the id that comes next, again
  bool has_text_ = false;
  size_t most_tokens_ = 0;  // of any try
  int64_t num_news_ = 0;
  // By sample: tokens that wait here, without text, until some comes.
  std::map<uint32_t, v1::AskDelta> silent_;
  std::map<uint32_t, v1::AskSample> samples_;  // those that ended, of several
  v1::Usage usage_;
  std::set<std::string> warnings_;
};

}  // namespace glyph::gateway
