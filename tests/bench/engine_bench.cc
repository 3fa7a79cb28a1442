// Measures the engine on a real model, without sockets: `engine_bench MODEL_DIR PAGE.png DTYPE`
// prints one JSON object. Pages are timed from decoded pixels. cpu_side_by_side.py runs it beside
// Hugging Face and keeps the numbers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "proto/base/mutex.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/model_folder.h"
#include "vlm_service/prompt/prompt_stream.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {
namespace {

constexpr int kRepeats = 5;
constexpr int64_t kDecodeTokens = 256;

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// When each token came.
class TimingSink : public EventSink {
 public:
  void OnAdmitted(const AdmittedEvent&) override {}
  void OnPageDecision(const PageDecisionEvent& event) override {
    base::MutexLock lock(mutex_);
    decisions_.push_back(event.have);
    changed_.NotifyAll();
  }
  void OnPageEncoded(const PageEncodedEvent&) override {}
  void OnToken(const TokenEvent& event) override {
    base::MutexLock lock(mutex_);
    times_.push_back(Now());
    ids_.push_back(event.id);
    changed_.NotifyAll();
  }
  void OnSampleFinished(const SampleFinishedEvent&) override {}
  void OnFinished(const FinishedEvent&) override { End(absl::OkStatus()); }
  void OnError(const absl::Status& status) override { End(status); }

  bool AwaitDecision(size_t page) {
    base::MutexLock lock(mutex_);
    while (decisions_.size() <= page) changed_.Wait(mutex_);
    return decisions_[page];
  }
  void AwaitTokens(size_t count) {
    base::MutexLock lock(mutex_);
    while (times_.size() < count && !ended_) changed_.Wait(mutex_);
  }
  void AwaitEnd() {
    base::MutexLock lock(mutex_);
    while (!ended_) changed_.Wait(mutex_);
    if (!status_.ok()) std::fprintf(stderr, "%s\n", status_.ToString().c_str());
  }
  std::vector<absl::Duration> times() {
    base::MutexLock lock(mutex_);
    return times_;
  }
  std::vector<int32_t> ids() {
    base::MutexLock lock(mutex_);
    return ids_;
  }

 private:
  void End(const absl::Status& status) {
    base::MutexLock lock(mutex_);
    ended_ = true;
    status_ = status;
    changed_.NotifyAll();
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<bool> decisions_ GLYPH_GUARDED_BY(mutex_);
  std::vector<absl::Duration> times_ GLYPH_GUARDED_BY(mutex_);
  std::vector<int32_t> ids_ GLYPH_GUARDED_BY(mutex_);
  bool ended_ GLYPH_GUARDED_BY(mutex_) = false;
  absl::Status status_ GLYPH_GUARDED_BY(mutex_);
};

using Pages = std::vector<std::shared_ptr<const PageImage>>;

class Bench {
 public:
  Bench(LoadedModel model, PageImage page, const EngineOptions& options)
      : prompts_(std::move(model.prompts)), page_(std::move(page)) {
    TokenMeaning tokens = std::move(model.tokens);
    tokens.stop_ids.clear();  // every answer is as long as it is asked to be
    engine_ = std::make_unique<Engine>(std::move(model.executor), std::move(tokens), Now, options);
  }

  // One page, `num_tokens` tokens.
  std::shared_ptr<TimingSink> Ask(const Pages& pages, const std::string& question,
                                  int64_t num_tokens) {
    auto sink = std::make_shared<TimingSink>();
    Request request;
    request.id = std::to_string(next_id_++);
    request.max_prompt_tokens = 64 + static_cast<int64_t>(question.size());
    for (const auto& page : pages) request.max_prompt_tokens += GridOf(*page).num_tokens() + 2;
    request.max_output_tokens = num_tokens;
    request.sink = sink;
    const auto id = engine_->Begin(std::move(request));
    if (!id.ok()) {
      std::fprintf(stderr, "%s\n", id.status().ToString().c_str());
      std::exit(1);
    }
    PromptStream stream(*prompts_);
    for (size_t i = 0; i < pages.size(); ++i) {
      const PageImage& page = *pages[i];
      stream.AddPage(GridOf(page));
      engine_->OfferPage(*id, HashPage({page.key, page.width, page.height, 1, false, ""}),
                         stream.Take());
      if (!sink->AwaitDecision(i)) engine_->AddPage(*id, pages[i]);
    }
    stream.AddText(question);
    stream.Finish();
    engine_->FinishPrompt(*id, stream.Take());
    return sink;
  }

  // The page under another key each time: nothing of it is cached.
  std::shared_ptr<const PageImage> FreshPage() {
    PageImage page = page_;
    page.key[0] = static_cast<uint8_t>(next_key_);
    page.key[1] = static_cast<uint8_t>(next_key_ >> 8);
    ++next_key_;
    return std::make_shared<const PageImage>(std::move(page));
  }

  double FirstTokenMs(const Pages& pages, const std::string& question) {
    const absl::Duration start = Now();
    const auto sink = Ask(pages, question, 1);
    sink->AwaitEnd();
    return absl::ToDoubleMilliseconds(sink->times().front() - start);
  }

  // Tokens a second of `batch` answers while all of them decode.
  double DecodeSpeed(int batch) {
    std::vector<std::shared_ptr<TimingSink>> sinks;
    for (int i = 0; i < batch; ++i) {
      sinks.push_back(Ask({FreshPage()}, "Read the page.", kDecodeTokens));
    }
    absl::Duration first = -absl::InfiniteDuration(), last = absl::InfiniteDuration();
    for (const auto& sink : sinks) {
      sink->AwaitEnd();
      first = std::max(first, sink->times().front());
      last = std::min(last, sink->times().back());
    }
    int64_t tokens = 0;
    for (const auto& sink : sinks) {
      for (const absl::Duration time : sink->times()) tokens += time > first && time <= last;
    }
    return static_cast<double>(tokens) / absl::ToDoubleSeconds(last - first);
  }

  // p99 of the time between tokens of two answers, ms: alone, and while a document of 50 pages is
  // read.
  std::pair<double, double> InterTokenMs() {
    Pages document;
    for (int i = 0; i < 50; ++i) document.push_back(FreshPage());
    const auto one = Ask({FreshPage()}, "Read the page.", 4000);
    const auto two = Ask({FreshPage()}, "Read the page.", 4000);
    two->AwaitTokens(400);
    const absl::Duration start = Now();
    const auto reader = Ask(document, "Find: Berth", 1);
    reader->AwaitEnd();
    const absl::Duration end = Now();
    engine_.reset();  // the streams need not go on
    std::vector<double> quiet, busy;
    for (const auto& sink : {one, two}) {
      const std::vector<absl::Duration> times = sink->times();
      for (size_t i = 1; i < times.size(); ++i) {
        const double ms = absl::ToDoubleMilliseconds(times[i] - times[i - 1]);
        if (times[i - 1] > start && times[i] < end) busy.push_back(ms);
        if (times[i] < start && times[i - 1] > two->times().front()) quiet.push_back(ms);
      }
    }
    std::fprintf(stderr, "50 pages in %.1f s, %zu tokens meanwhile\n",
                 absl::ToDoubleSeconds(end - start), busy.size());
    return {Percentile(quiet, 0.99), Percentile(busy, 0.99)};
  }

  static double Percentile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values.at(static_cast<size_t>(share * static_cast<double>(values.size() - 1)));
  }

  EngineStats Stats() { return engine_->Stats(); }

 private:
  static PageGrid GridOf(const PageImage& page) { return {page.height / 28, page.width / 28}; }

  std::unique_ptr<const PromptBuilder> prompts_;
  const PageImage page_;
  std::unique_ptr<Engine> engine_;
  int next_id_ = 0;
  int next_key_ = 1;
};

nlohmann::json Measure(Bench& bench) {
  std::vector<double> first, again, one, sixteen, other;
  for (int i = 0; i < kRepeats; ++i) {
    const Pages page = {bench.FreshPage()};
    first.push_back(bench.FirstTokenMs(page, "Read the page."));
    one.push_back(bench.DecodeSpeed(1));
  }
  for (int i = 0; i < 3; ++i) sixteen.push_back(bench.DecodeSpeed(16));
  std::vector<double> document_first;
  for (int i = 0; i < 3; ++i) {
    Pages document;
    for (int page = 0; page < 6; ++page) document.push_back(bench.FreshPage());
    document_first.push_back(bench.FirstTokenMs(document, "Find: Berth"));
    again.push_back(bench.FirstTokenMs(document, "What is the Vessel?"));
    const int64_t encoded = bench.Stats().counts.scheduler.pages_encoded;
    const Pages mixed = {bench.FreshPage(), document[3]};
    bench.FirstTokenMs(mixed, "Find: Berth");
    other.push_back(static_cast<double>(bench.Stats().counts.scheduler.pages_encoded - encoded));
  }
  const auto [quiet, busy] = bench.InterTokenMs();
  return {{"first_token_ms", Bench::Percentile(first, 0.5)},
          {"decode_1_tokens_per_s", Bench::Percentile(one, 0.5)},
          {"decode_16_tokens_per_s", Bench::Percentile(sixteen, 0.5)},
          {"document_first_token_ms", Bench::Percentile(document_first, 0.5)},
          {"second_question_first_token_ms", Bench::Percentile(again, 0.5)},
          {"pages_encoded_for_one_new_and_one_known", Bench::Percentile(other, 1.0)},
          {"inter_token_p99_quiet_ms", quiet},
          {"inter_token_p99_while_50_pages_ms", busy}};
}

int Main(const std::string& folder, const std::string& png, const std::string& dtype) {
  ModelFlags flags;
  flags.folder = folder;
  flags.dtype = dtype;
  auto model = LoadModelFolder(flags);
  auto rgb = ReadPng(png);
  if (!model.ok() || !rgb.ok()) {
    std::fprintf(stderr, "%s %s\n", model.status().ToString().c_str(),
                 rgb.status().ToString().c_str());
    return 1;
  }
  PageImage page = *rgb;
  page.origin = PageOrigin::kRendered;
  page.channels = 1;
  page.pixels.resize(rgb->pixels.size() / 3);
  for (size_t i = 0; i < page.pixels.size(); ++i) page.pixels[i] = rgb->pixels[3 * i];
  if (!RunSelfTest(*model->executor, *model->prompts, model->served.pages.token_px()).ok()) {
    return 1;
  }
  Bench bench(*std::move(model), std::move(page), {});
  std::printf("%s\n", Measure(bench).dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: engine_bench MODEL_DIR PAGE.png float32|bfloat16\n");
    return 64;
  }
  return glyph::vlm::Main(argv[1], argv[2], argv[3]);
}
