// The real model behind the real service: nano in float32 over sockets.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/sha256.h"
#include "proto/rpc/server_runner.h"
#include "tests/fakes/engine_client.h"
#include "tests/fakes/vlm_client.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/model_folder.h"
#include "vlm_service/server/vlm_service_impl.h"

namespace glyph::vlm {
namespace {

constexpr char kSamples[] = "tests/golden/nano_samples/";

struct Sample {
  std::string name;
  v1::GenerateRequest start;
  std::vector<ClientPage> pages;
  std::string text;
};

class NanoServiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ModelFlags flags;
    flags.folder = "deploy/models/nano";
    auto loaded = LoadModelFolder(flags);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    ASSERT_EQ(RunSelfTest(*loaded->executor, *loaded->prompts, 28, loaded->golden),
              absl::OkStatus());
    model_ = new LoadedModel(*std::move(loaded));
    engine_ = new Engine(std::move(model_->executor), model_->tokens, SteadyNow, {});
    service_ = new VlmServiceImpl({*engine_, model_->served, *model_->prompts});
    server_ = rpc::ServerRunner::Start({}, {service_})->release();
    const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                             grpc::InsecureChannelCredentials());
    stub_ = v1::VlmService::NewStub(channel).release();
  }

  static void TearDownTestSuite() {
    delete stub_;
    service_->Drain();
    delete server_;
    delete service_;
    delete engine_;
    delete model_;
  }

  static absl::Duration SteadyNow() {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }

  static ClientPage ReadPage(uint32_t index, const std::string& file) {
    const PageImage image = ReadRenderedPage(file);
    ClientPage page = RenderedPage(index, static_cast<uint32_t>(image.width),
                                   static_cast<uint32_t>(image.height));
    page.pixels.assign(image.pixels.begin(), image.pixels.end());
    page.header.set_page_key(base::ToBytes(base::Sha256().Update(page.pixels).Finish()));
    page.header.set_profile_fingerprint(model_->served.profile_fingerprint.empty()
                                            ? std::string(32, 'F')
                                            : model_->served.profile_fingerprint);
    return page;
  }

  static std::vector<Sample> Samples() {
    std::ifstream file(std::string(kSamples) + "pages.json");
    const auto items = nlohmann::json::parse(file);
    std::vector<Sample> samples;
    for (const auto& item : items) {
      Sample sample;
      sample.name = item["name"];
      sample.text = item["text"];
      uint64_t visual_tokens = 0;
      for (const auto& image : item["images"]) {
        sample.pages.push_back(ReadPage(static_cast<uint32_t>(sample.pages.size()),
                                        kSamples + image.get<std::string>()));
        const v1::PageHeader& header = sample.pages.back().header;
        visual_tokens += uint64_t{header.width_px()} * header.height_px() / (28 * 28);
      }
      sample.start =
          StartRequest(item["prompt"], static_cast<uint32_t>(sample.pages.size()), visual_tokens);
      samples.push_back(std::move(sample));
    }
    return samples;
  }

  // Samples of every kind, prompts without pages, sampled answers, early ends.
  static std::vector<Sample> MixedRequests() {
    std::vector<Sample> requests;
    const std::vector<Sample> samples = Samples();
    for (size_t i = 0; i < samples.size(); i += 2) requests.push_back(samples[i]);
    for (size_t i = 0; requests.size() < 32; ++i) {
      Sample text;
      text.start = StartRequest("Tell me about number " + std::to_string(i));
      requests.push_back(std::move(text));
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      v1::GenerationOptions* options = requests[i].start.mutable_start()->mutable_options();
      options->set_max_tokens(static_cast<uint32_t>(10 + i * 2));
      if (i % 4 != 3) continue;
      options->set_temperature(0.9f);
      options->set_top_p(0.95f);
      options->set_top_k(50);
      options->set_repetition_penalty(1.1f);
      options->set_seed(i);
    }
    return requests;
  }

  static void ExpectNothingLeft() {
    const EngineStats stats = engine_->Stats();
    EXPECT_EQ(stats.counts.kv_blocks_used, 0);
    EXPECT_EQ(stats.counts.running, 0);
    EXPECT_EQ(stats.waiting, 0);
  }

  static LoadedModel* model_;
  static Engine* engine_;
  static VlmServiceImpl* service_;
  static rpc::ServerRunner* server_;
  static v1::VlmService::Stub* stub_;
};

LoadedModel* NanoServiceTest::model_ = nullptr;
Engine* NanoServiceTest::engine_ = nullptr;
VlmServiceImpl* NanoServiceTest::service_ = nullptr;
rpc::ServerRunner* NanoServiceTest::server_ = nullptr;
v1::VlmService::Stub* NanoServiceTest::stub_ = nullptr;

TEST_F(NanoServiceTest, ReadsSamplesWithoutAnError) {
  const size_t stride = std::getenv("GLYPH_LONG") != nullptr ? 1 : 4;
  const std::vector<Sample> samples = Samples();
  std::vector<Answer> answers(samples.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < samples.size(); i += stride) {
    threads.emplace_back([&, i] { answers[i] = Ask(*stub_, samples[i].start, samples[i].pages); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < samples.size(); i += stride) {
    ASSERT_TRUE(answers[i].status.ok()) << answers[i].status;
    EXPECT_EQ(answers[i].text, samples[i].text) << samples[i].name;
    EXPECT_EQ(answers[i].finished->reason(), v1::FINISH_REASON_STOP);
  }
  ExpectNothingLeft();
}

TEST_F(NanoServiceTest, ThirtyTwoRequestsAtOnceGetTheTokensOfEachAlone) {
  const std::vector<Sample> requests = MixedRequests();
  ASSERT_EQ(requests.size(), 32u);
  std::vector<Answer> alone;
  for (const Sample& request : requests) {
    alone.push_back(Ask(*stub_, request.start, request.pages));
  }
  std::vector<Answer> together(requests.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < requests.size(); ++i) {
    threads.emplace_back(
        [&, i] { together[i] = Ask(*stub_, requests[i].start, requests[i].pages); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_TRUE(together[i].status.ok()) << together[i].status;
    EXPECT_EQ(together[i].ids, alone[i].ids) << "request " << i;
  }
  ExpectNothingLeft();
}

TEST_F(NanoServiceTest, CancelMidDecodeFreesTheBlocks) {
  const std::vector<Sample> samples = Samples();
  const Sample& longest = *std::max_element(
      samples.begin(), samples.end(),
      [](const Sample& a, const Sample& b) { return a.text.size() < b.text.size(); });
  const auto ended = [] {
    const EngineCounts counts = engine_->Stats().counts;
    return std::pair(counts.cancelled, counts.finished);
  };
  const auto before = ended();
  VlmClient client(*stub_);
  SendPrompt(client, longest.start, longest.pages);
  ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return answer.ids.size() >= 2; }));
  client.Cancel();
  EXPECT_EQ(client.Finish().status.code(), absl::StatusCode::kCancelled);
  // The client knows at once, the engine when gRPC has told the call.
  while (ended() == before) std::this_thread::yield();
  EXPECT_EQ(ended(), std::pair(before.first + 1, before.second));
  ExpectNothingLeft();
}

TEST(NanoSelfTest, HearsTheGoldenAnswerInBFloat16) {
  ModelFlags flags;
  flags.folder = "deploy/models/nano";
  flags.dtype = "bfloat16";
  const auto loaded = LoadModelFolder(flags);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->golden.steps.size(), 4u);
  EXPECT_EQ(RunSelfTest(*loaded->executor, *loaded->prompts, 28, loaded->golden), absl::OkStatus());
}

}  // namespace
}  // namespace glyph::vlm
