#include "gateway/routing/answer.h"

#include <utility>

namespace glyph::gateway {

Answer::Answer(AnswerSink& sink, GatewayMetrics& metrics, Clock now, Wants wants)
    : sink_(sink),
      metrics_(metrics),
      now_(std::move(now)),
      wants_(wants),
      start_(now_()),
      last_tokens_(absl::InfinitePast()) {}

std::vector<uint32_t> Answer::BeginTry() {
  num_of_try_ = 0;
  std::vector<uint32_t> forced = token_ids_;
  repeated_.reset();
  if (!forced.empty()) {
    repeated_ = forced.back();
    forced.pop_back();
  }
  return forced;
}

void Answer::ForgetTokens() {
  token_ids_.clear();
  silent_.clear();
  samples_.clear();
  last_tokens_ = absl::InfinitePast();
  has_text_ = false;
}

bool Answer::IsNewPageEvent() {
  if (++num_of_try_ <= num_page_events_) return false;
  ++num_page_events_;
  ++num_news_;
  return true;
}

bool Answer::AddPlan(v1::AskPlan plan) {
  std::string serialized = plan.SerializeAsString();
  if (plan_) return *plan_ == serialized;
  plan_ = std::move(serialized);
  v1::AskResponse event;
  *event.mutable_plan() = std::move(plan);
  Emit(std::move(event));
  return true;
}

void Answer::AddDrawnPage(uint32_t part_index, const v1::PageHeader& page) {
  if (!IsNewPageEvent()) return;
  v1::AskResponse event;
  v1::AskPage& drawn = *event.mutable_page();
  drawn.set_stage(v1::PAGE_STAGE_DRAWN);
  drawn.set_page_index(page.page_index());
  drawn.set_part_index(part_index);
  drawn.set_width_px(page.width_px());
  drawn.set_height_px(page.height_px());
  drawn.set_format(page.format());
  part_of_page_.push_back(part_index);
  Emit(std::move(event));
}

void Answer::AddStrip(const v1::PageStrip& strip) {
  if (!IsNewPageEvent() || !wants_.pages) return;
  v1::AskResponse event;
  *event.mutable_strip() = strip;
  Emit(std::move(event));
}

void Answer::AddSourceMap(v1::SourceMap source_map) {
  if (!IsNewPageEvent() || !wants_.source_map) return;
  v1::AskResponse event;
  *event.mutable_source_map() = std::move(source_map);
  Emit(std::move(event));
}

void Answer::AddRenderDone(const v1::RenderDone& done) {
  if (!IsNewPageEvent()) return;
  usage_.set_characters(usage_.characters() + done.characters());
  usage_.set_render_ms(usage_.render_ms() + done.render_ms());
  metrics_.AddCharacters(static_cast<int64_t>(done.characters()));
  const v1::RenderDiagnostics& odd = done.diagnostics();
  if (odd.replaced_bytes() > 0) warnings_.insert("REPLACED_BYTES");
  if (odd.missing_glyphs() > 0) warnings_.insert("MISSING_GLYPHS");
  if (odd.control_characters() > 0) warnings_.insert("CONTROL_CHARACTERS");
  if (done.pages() == 0) warnings_.insert("EMPTY_DOCUMENT");
}

void Answer::AddEncodedPage(const v1::PageEncoded& page) {
  if (!encoded_.insert(page.page_index()).second) return;
  ++num_news_;
  usage_.set_pages(usage_.pages() + 1);
  usage_.set_visual_tokens(usage_.visual_tokens() + page.visual_tokens());
  metrics_.AddPages(1);
  metrics_.AddVisualTokens(page.visual_tokens());
  v1::AskResponse event;
  v1::AskPage& encoded = *event.mutable_page();
  encoded.set_stage(v1::PAGE_STAGE_ENCODED);
  encoded.set_page_index(page.page_index());
  if (page.page_index() < part_of_page_.size()) {
    encoded.set_part_index(part_of_page_[page.page_index()]);
  }
  encoded.set_visual_tokens(page.visual_tokens());
  Emit(std::move(event));
}

bool Answer::AddTokens(v1::Tokens tokens) {
  if (tokens.tokens().empty()) return true;
  if (repeated_) {
    if (tokens.tokens(0).id() != std::exchange(repeated_, std::nullopt)) return false;
    tokens.mutable_tokens()->DeleteSubrange(0, 1);
    return AddTokens(std::move(tokens));
  }
  AddTiming(tokens);
  std::map<uint32_t, v1::AskDelta> deltas;  // by sample
  for (const v1::Token& token : tokens.tokens()) {
    token_ids_.push_back(token.id());
    v1::AskDelta& silent = silent_[token.sample()];
    silent.add_token_ids(token.id());
    if (token.has_logprob()) {
      v1::AskLogprob& logprob = *silent.add_logprobs();
      logprob.set_logprob(token.logprob());
      *logprob.mutable_top_logprobs() = token.top_logprobs();
    }
    if (token.text().empty()) continue;
    v1::AskDelta& delta = deltas[token.sample()];
    std::string text = std::move(*delta.mutable_text()) + token.text();
    delta.MergeFrom(silent);
    delta.set_text(std::move(text));
    silent.Clear();
  }
  if (token_ids_.size() > most_tokens_) {
    num_news_ += static_cast<int64_t>(token_ids_.size() - most_tokens_);
    most_tokens_ = token_ids_.size();
  }
  for (auto& [sample, delta] : deltas) {
    delta.set_sample(sample);
    EmitDelta(std::move(delta));
  }
  return true;
}

void Answer::AddSampleFinished(const v1::SampleFinished& finished) {
  AddTail(finished.sample(), finished.tail_text(), finished.reason());
  v1::AskSample& sample = samples_[finished.sample()];
  sample.set_reason(finished.reason());
  sample.set_output_tokens(finished.output_tokens());
}

void Answer::AddTiming(const v1::Tokens& tokens) {
  const absl::Time now = now_();
  metrics_.AddOutputTokens(tokens.tokens_size());
  if (last_tokens_ == absl::InfinitePast()) {
    usage_.set_first_token_ms(ElapsedMillis());
    metrics_.ObserveFirstToken(now - start_);
  } else {
    std::map<uint32_t, int64_t> num_tokens;  // by sample: each waited for its own tokens
    for (const v1::Token& token : tokens.tokens()) ++num_tokens[token.sample()];
    for (const auto& [sample, count] : num_tokens) {
      metrics_.ObserveInterToken(now - last_tokens_, count);
    }
  }
  last_tokens_ = now;
}

void Answer::AddTail(uint32_t sample, const std::string& text, v1::FinishReason reason) {
  if (text.empty()) return;
  v1::AskDelta& delta = silent_[sample];
  if (reason == v1::FINISH_REASON_STOP && delta.token_ids_size() > 0) {  // the stop token
    delta.mutable_token_ids()->RemoveLast();
    if (delta.logprobs_size() > 0) delta.mutable_logprobs()->RemoveLast();
  }
  delta.set_sample(sample);
  delta.set_text(text);
  EmitDelta(std::move(delta));
}

void Answer::EmitDelta(v1::AskDelta delta) {
  has_text_ = true;
  v1::AskResponse event;
  *event.mutable_delta() = std::move(delta);
  Emit(std::move(event));
}

void Answer::Finish(const v1::GenerateFinished& finished) {
  AddTail(0, finished.tail_text(), finished.reason());
  usage_.set_pages(static_cast<uint32_t>(part_of_page_.size()));
  usage_.set_visual_tokens(finished.visual_tokens());
  usage_.set_prompt_tokens(finished.prompt_tokens());
  usage_.set_cached_tokens(finished.cached_tokens());
  usage_.set_output_tokens(finished.output_tokens());
  usage_.set_queue_ms(finished.queue_ms());
  usage_.set_vision_ms(finished.vision_ms());
  usage_.set_prefill_ms(finished.prefill_ms());
  usage_.set_decode_ms(finished.decode_ms());
  usage_.set_total_ms(ElapsedMillis());
  if (finished.profile_mismatch()) warnings_.insert("PROFILE_MISMATCH");
  v1::AskResponse event;
  event.mutable_finished()->set_reason(finished.reason());
  *event.mutable_finished()->mutable_usage() = usage_;
  event.mutable_finished()->mutable_warnings()->Assign(warnings_.begin(), warnings_.end());
  for (const auto& [index, sample] : samples_) *event.mutable_finished()->add_samples() = sample;
  Emit(std::move(event));
}

}  // namespace glyph::gateway
