// Prints how long clients of a warm server wait: for the first page, for a small document beside
// huge ones, and for the end of what they cancelled. Over gRPC on the loopback, two workers.
//   GLYPH_LONG=1 build/release/tests/render_load
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "proto/base/heap.h"
#include "proto/base/logging.h"
#include "render_service/pipeline/image_task.h"
#include "render_service/pipeline/text_task.h"
#include "tests/render_service/server/render_test_server.h"

namespace glyph::render {
namespace {

using Clock = std::chrono::steady_clock;

// More of them measure; few see that it runs.
const bool kIsLong = std::getenv("GLYPH_LONG") != nullptr;

double Since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void Print(const std::string& what, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  std::printf("%-44s least %6.2f ms, median %6.2f, p90 %6.2f, most %6.2f of %zu\n", what.c_str(),
              ms[0], ms[ms.size() / 2], ms[ms.size() * 9 / 10], ms.back(), ms.size());
  std::fflush(stdout);
}

std::string Repeated(const std::string& text, size_t bytes) {
  std::string out;
  while (out.size() + text.size() <= bytes) out += text;
  return out;
}

constexpr char kEnglish[] =
    "The harbour master wrote down every ship that came in, its length, its berth and what it "
    "carried, and at the end of the year he added the numbers up. ";
constexpr char kDevanagari[] = "बंदरगाह के स्वामी ने हर जहाज का नाम और उसकी लंबाई लिखी। ";
constexpr char kArabic[] = "كتب مدير الميناء اسم كل سفينة وطولها وحمولتها. ";

// A call whose document has been sent.
struct Call {
  Call(RenderTestServer& server, v1::RenderRequest start, const std::string& text)
      : stream(server.stub().Render(&context)) {
    stream->Write(start);
    for (size_t i = 0; i < text.size(); i += 1 << 20) {
      stream->Write(Data(text.substr(i, 1 << 20)));
    }
    stream->WritesDone();
  }
  // Reads up to the last strip of the first page.
  void ReadFirstPage() {
    uint64_t pixels = 0, wanted = 1;
    v1::RenderResponse response;
    while (pixels < wanted && stream->Read(&response)) {
      if (response.has_page()) {
        wanted = uint64_t{response.page().width_px()} * response.page().height_px();
      }
      pixels += response.strip().pixels().size();
    }
  }
  void Cancel() {
    context.TryCancel();
    stream->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<RenderStream> stream;
};

void FirstPage(RenderTestServer& server, const std::string& name, const std::string& text,
               int runs) {
  std::vector<double> ms;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    Call call(server, StartText("noto-1024"), text);
    call.ReadFirstPage();
    if (i > 2) ms.push_back(Since(start));
    call.Cancel();
  }
  Print("first page of " + name, ms);
}

// A huge document whose pages are read as fast as they come.
class Reader {
 public:
  Reader(RenderTestServer& server, const std::string& text)
      : call_(server, StartText("noto-1024"), text), thread_([this] {
          v1::RenderResponse response;
          while (call_.stream->Read(&response)) {
          }
        }) {}
  ~Reader() {
    call_.context.TryCancel();
    thread_.join();
    call_.stream->Finish();
  }

 private:
  Call call_;
  std::thread thread_;
};

void SmallBesideHuge(RenderTestServer& server, const std::string& name, const std::string& huge,
                     int num_huge) {
  std::vector<double> ms;
  for (int i = 0; i < (kIsLong ? 10 : 3); ++i) {
    std::vector<std::unique_ptr<Reader>> readers;
    for (int k = 0; k < num_huge; ++k) {
      readers.push_back(std::make_unique<Reader>(server, huge));
    }
    const std::chrono::milliseconds moment(300 + 7 * i);
    std::this_thread::sleep_for(moment);  // the load is met at another moment each time
    const auto start = Clock::now();
    Call call(server, StartText("noto-1024"), Repeated(kEnglish, 2000));
    call.ReadFirstPage();
    ms.push_back(Since(start));
    call.Cancel();
  }
  Print("small document beside " + std::to_string(num_huge) + " of " + name, ms);
}

void Cancel(RenderTestServer& server, const std::string& name, const v1::RenderRequest& start,
            const std::string& source) {
  std::vector<double> ms;
  for (int i = 0; i < (kIsLong ? 30 : 6); ++i) {
    Call call(server, start, source);
    const std::chrono::milliseconds moment(2 + 3 * i);
    std::this_thread::sleep_for(moment);  // the call is met at another moment each time
    if (server.pool().num_taken_seats() == 0) continue;  // it is over already
    const auto begin = Clock::now();
    call.context.TryCancel();
    while (server.pool().num_taken_seats() > 0) {
    }
    ms.push_back(Since(begin));
    call.stream->Finish();
  }
  if (!ms.empty()) Print("cancelled until freed, " + name, ms);
}

// Paths of images, with spaces between, in GLYPH_BENCH_IMAGES.
std::vector<std::string> Images() {
  const char* paths = std::getenv("GLYPH_BENCH_IMAGES");
  std::istringstream words(paths == nullptr ? "" : paths);
  return {std::istream_iterator<std::string>(words), {}};
}

double ProcessorMs() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

// How long a cancelled call waits for its worker, however busy the machine is.
void LongestSteps(const std::string& name, RenderTask& task, WorkerTools& tools) {
  std::vector<double> ms;
  while (true) {
    const double start = ProcessorMs();
    const auto event = task.Step(tools);
    ms.push_back(ProcessorMs() - start);
    if (!event.ok() || std::holds_alternative<RenderSummary>(*event)) break;
  }
  Print("processor time of a step, " + name, ms);
}

TEST(RenderLoadBench, TellsHowLongStepsAre) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  const auto profile = catalog->Find("noto-1024").value();
  WorkerTools tools;
  for (const auto& [name, text] : {std::pair{"English, 7 MB", Repeated(kEnglish, 7 << 20)},
                                   {"Devanagari, 7 MB", Repeated(kDevanagari, 7 << 20)},
                                   {"Arabic, 7 MB", Repeated(kArabic, 7 << 20)},
                                   {"one line of 16 MB", std::string(16 << 20, 'm')}}) {
    TextTask task(text, {.profile = profile, .max_pages = 256});
    LongestSteps(name, task, tools);
  }
  for (const std::string& image : Images()) {
    std::ifstream file(image, std::ios::binary);
    ImageTask task({std::istreambuf_iterator<char>(file), {}});
    LongestSteps(image, task, tools);
  }
}

TEST(RenderLoadBench, TellsHowLongClientsWait) {
  base::SetUpHeapForPages();
  ASSERT_TRUE(base::OpenLog("/dev/null").ok());
  RenderTestServer server(2);
  FirstPage(server, "English, 20 kB", Repeated(kEnglish, 20000), kIsLong ? 33 : 5);
  FirstPage(server, "English, 1 MB", Repeated(kEnglish, 1 << 20), kIsLong ? 33 : 5);
  FirstPage(server, "Devanagari, 1 MB", Repeated(kDevanagari, 1 << 20), kIsLong ? 13 : 5);
  for (const int num_huge : {1, 8}) {
    SmallBesideHuge(server, "7 MB of English", Repeated(kEnglish, 7 << 20), num_huge);
    SmallBesideHuge(server, "7 MB of Devanagari", Repeated(kDevanagari, 7 << 20), num_huge);
  }
  Cancel(server, "English, 7 MB", StartText("noto-1024"), Repeated(kEnglish, 7 << 20));
  Cancel(server, "Devanagari, 7 MB", StartText("noto-1024"), Repeated(kDevanagari, 7 << 20));
  Cancel(server, "Arabic, 7 MB", StartText("noto-1024"), Repeated(kArabic, 7 << 20));
  Cancel(server, "one line of 16 MB", StartText("noto-1024"), std::string(16 << 20, 'm'));
  for (const std::string& image : Images()) {
    std::ifstream file(image, std::ios::binary);
    Cancel(server, image, StartImage(), {std::istreambuf_iterator<char>(file), {}});
  }
}

}  // namespace
}  // namespace glyph::render
