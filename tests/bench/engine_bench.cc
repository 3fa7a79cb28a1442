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
#include "proto/base/check.h"
#include "tests/fakes/engine_client.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/model_folder.h"

namespace glyph::vlm {
namespace {

constexpr int kRepeats = 5;
constexpr int64_t kDecodeTokens = 256;
constexpr int32_t kLongDocumentPx = 224;  // 50 pages of this height fit nano's context
constexpr int64_t kStreamTokens = 4000;

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// An answer and when each of its tokens came; to be looked at once it has ended.
struct TimedAnswer {
  std::vector<absl::Duration> times;
  std::shared_ptr<RecordingSink> sink =
      std::make_shared<RecordingSink>([this](const TokenEvent&) { times.push_back(Now()); });
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

  std::unique_ptr<TimedAnswer> Ask(const Pages& pages, const std::string& question,
                                   int64_t num_tokens) {
    auto answer = std::make_unique<TimedAnswer>();
    glyph::vlm::Ask(*engine_, *prompts_, std::to_string(next_id_++),
                    {.pages = pages,
                     .text = question,
                     .sampling = {},
                     .max_tokens = num_tokens,
                     .num_samples = 1,
                     .forced = {}},
                    answer->sink);
    return answer;
  }

  // The page, or its upper part, under another key each time: nothing of it is cached.
  std::shared_ptr<const PageImage> FreshPage(int32_t height) {
    PageImage page = page_;
    page.pixels.resize(static_cast<size_t>(page.width) * static_cast<size_t>(height));
    page.height = height;
    page.key[0] = static_cast<uint8_t>(next_key_);
    page.key[1] = static_cast<uint8_t>(next_key_ >> 8);
    ++next_key_;
    return std::make_shared<const PageImage>(std::move(page));
  }
  std::shared_ptr<const PageImage> FreshPage() { return FreshPage(page_.height); }

  double FirstTokenMs(const Pages& pages, const std::string& question) {
    const absl::Duration start = Now();
    const auto answer = Ask(pages, question, 1);
    GLYPH_CHECK(answer->sink->AwaitEnd().ok());
    return absl::ToDoubleMilliseconds(answer->times.front() - start);
  }

  // Tokens a second of `batch` answers while all of them decode. Their pages are known already, so
  // that they begin together.
  double DecodeSpeed(int batch) {
    std::vector<Pages> pages;
    for (int i = 0; i < batch; ++i) pages.push_back({FreshPage()});
    for (const Pages& known : pages) FirstTokenMs(known, "Read the page.");
    std::vector<std::unique_ptr<TimedAnswer>> answers;
    for (const Pages& known : pages) answers.push_back(Ask(known, "Read the page.", kDecodeTokens));
    absl::Duration first = -absl::InfiniteDuration(), last = absl::InfiniteDuration();
    for (const auto& answer : answers) {
      GLYPH_CHECK(answer->sink->AwaitEnd().ok());
      first = std::max(first, answer->times.front());
      last = std::min(last, answer->times.back());
    }
    int64_t tokens = 0;
    for (const auto& answer : answers) {
      for (const absl::Duration time : answer->times) tokens += time > first && time <= last;
    }
    return static_cast<double>(tokens) / absl::ToDoubleSeconds(last - first);
  }

  // p99 of the time between tokens of two answers, ms: alone, and while a document of 50 pages is
  // read. Of the same tokens in both: the longer an answer, the longer its steps.
  std::pair<double, double> InterTokenMs() {
    const Pages page = {FreshPage()};
    const auto begin = [&] { return Ask(page, "Read the page.", kStreamTokens); };
    const std::unique_ptr<TimedAnswer> quiet[] = {begin(), begin()};
    for (const auto& answer : quiet) GLYPH_CHECK(answer->sink->AwaitEnd().ok());

    Pages document;
    for (int i = 0; i < 50; ++i) document.push_back(FreshPage(kLongDocumentPx));
    const std::unique_ptr<TimedAnswer> busy[] = {begin(), begin()};
    busy[1]->sink->AwaitTokens(100);
    const absl::Duration start = Now();
    const auto reader = Ask(document, "Find: Berth", 1);
    GLYPH_CHECK(reader->sink->AwaitEnd().ok());
    const absl::Duration end = Now();
    engine_.reset();  // the streams need not go on

    std::vector<double> quiet_ms, busy_ms;
    for (int stream = 0; stream < 2; ++stream) {
      const std::vector<absl::Duration>& times = busy[stream]->times;
      for (size_t i = 1; i < times.size(); ++i) {
        if (times[i - 1] < start || times[i] > end) continue;
        busy_ms.push_back(Gap(*busy[stream], i));
        quiet_ms.push_back(Gap(*quiet[stream], i));
      }
    }
    std::fprintf(stderr, "50 pages in %.1f s, %zu tokens meanwhile\n",
                 absl::ToDoubleSeconds(end - start), busy_ms.size());
    return {Percentile(quiet_ms, 0.99), Percentile(busy_ms, 0.99)};
  }

  // Between token i - 1 and token i, ms.
  static double Gap(const TimedAnswer& answer, size_t i) {
    return absl::ToDoubleMilliseconds(answer.times.at(i) - answer.times.at(i - 1));
  }

  static double Percentile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values.at(static_cast<size_t>(share * static_cast<double>(values.size() - 1)));
  }

  EngineStats Stats() { return engine_->Stats(); }

 private:
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
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", model.status().ToString().c_str());
    return 1;
  }
  if (!RunSelfTest(*model->executor, *model->prompts, model->served.pages.token_px(), model->golden)
           .ok()) {
    return 1;
  }
  Bench bench(*std::move(model), ReadRenderedPage(png), {});
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
