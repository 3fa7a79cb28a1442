// Measures the engine on a real model and a GPU, without sockets: what gpu_side_by_side.py asks
// for.
//   gpu_engine_bench MODEL_DIR [--tiny] [--device cpu] NAME...
// prints a JSON object a line as soon as it is known; gpu_side_by_side.py states names and fields,
// gpu_engine_model.h what is timed. A name that cannot be measured has "error" instead. Times of
// prompts are medians of kRepeats after a run that is not counted. --tiny: the small sizes of
// gpu_side_by_side.py --tiny, for a dry run.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "tests/bench/gpu_engine_model.h"
#include "tests/bench/gpu_probe.h"
#include "vlm_service/engine/self_test.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

constexpr int kRepeats = 3;
constexpr int64_t kQuestionTokens = 32;
constexpr int kManyImages = 8;

struct Options {
  ModelFlags model;
  bool tiny = false;
  std::vector<std::string> names;
};

double Mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }
double MsSince(absl::Duration start) { return absl::ToDoubleMilliseconds(MonotonicNow() - start); }

// Milliseconds since the kernel began this process, to 10: its libraries were loaded in that time.
// `since_main` where the kernel's answer makes no sense.
double ProcessAgeMs(double since_main) {
  std::ifstream file("/proc/self/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number) {  // 22: starttime, in ticks
  }
  timespec now{};
  if (!fields || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return since_main;
  const double start = std::strtod(field.c_str(), nullptr) * 1e3 / sysconf(_SC_CLK_TCK);
  const double age = static_cast<double>(now.tv_sec) * 1e3 + now.tv_nsec / 1e6 - start;
  return age >= since_main && age < since_main + 60e3 ? age : since_main;
}

class Bench {
 public:
  // `loaded_bytes`: in use on the device after loading.
  Bench(LoadedModel model, bool tiny, int64_t loaded_bytes)
      : model_(std::move(model)),
        tiny_(tiny),
        loaded_bytes_(loaded_bytes),
        peak_bytes_(loaded_bytes) {}

  absl::StatusOr<Json> Measure(const std::string& name) {
    long long batch = 0;
    long long context = 0;
    auto result = [&]() -> absl::StatusOr<Json> {
      if (std::sscanf(name.c_str(), "decode_%lldx%lld", &batch, &context) == 2) {
        return Decode(batch, context);
      }
      if (std::sscanf(name.c_str(), "first_token_text_%lld", &context) == 1) {
        return Median([&] { return model_.FirstTokenMs(model_.prompts().Make(context)); });
      }
      if (std::sscanf(name.c_str(), "idle_%lld", &batch) == 1) return Idle(batch);
      return MeasurePages(name);
    }();
    peak_bytes_ = std::max(peak_bytes_, bench::AskDevice().used);
    return result;
  }

 private:
  absl::StatusOr<Json> MeasurePages(const std::string& name) {
    if (name == "first_token_page") {
      return Median([&] { return FirstTokenMs({Page()}); });
    }
    if (name == "first_token_4_pages") {
      return Median([&] { return FirstTokenMs({Page(), Page(), Page(), Page()}); });
    }
    if (name == "first_token_page_again") {
      return Median([&] { return AgainMs(); });
    }
    if (name == "vision_page") {
      return Median([&] { return model_.VisionMs(Page()); });
    }
    if (name == "images_8") {
      return Median([&] { return FirstTokenMs(Images()); });
    }
    if (name == "images_8_single") {
      return Median([&] { return SingleImagesMs(); });
    }
    if (name == "memory") return Memory();
    return absl::InvalidArgumentError("no such name");
  }

  static absl::StatusOr<Json> Median(const std::function<absl::StatusOr<double>()>& measure) {
    std::vector<double> times;
    for (int i = 0; i <= kRepeats; ++i) {
      GLYPH_ASSIGN_OR_RETURN(const double ms, measure());
      if (i > 0) times.push_back(ms);
    }
    return Json{{"ms", vlm::Median(times)}};
  }

  std::shared_ptr<const PageImage> Page() {
    if (tiny_) return model_.prompts().FreshPage(PageOrigin::kRendered, 56, 112);
    return model_.prompts().FreshPage(PageOrigin::kRendered, 1036, 5600);
  }

  Pages Images() {
    Pages images;
    for (int i = 0; i < kManyImages; ++i) {
      images.push_back(tiny_ ? model_.prompts().FreshPage(PageOrigin::kUploaded, 120, 110)
                             : model_.prompts().FreshPage(PageOrigin::kUploaded, 1280, 3200));
    }
    return images;
  }

  absl::StatusOr<double> FirstTokenMs(const Pages& pages) {
    return model_.FirstTokenMs(model_.prompts().Make(kQuestionTokens, pages));
  }

  absl::StatusOr<double> AgainMs() {
    const Pages page = {Page()};
    GLYPH_RETURN_IF_ERROR(FirstTokenMs(page).status());
    return FirstTokenMs(page);
  }

  // One after another.
  absl::StatusOr<double> SingleImagesMs() {
    double sum = 0;
    for (const auto& image : Images()) {
      GLYPH_ASSIGN_OR_RETURN(const double ms, FirstTokenMs({image}));
      sum += ms;
    }
    return sum;
  }

  absl::StatusOr<Json> Decode(int64_t batch, int64_t context) {
    GLYPH_ASSIGN_OR_RETURN(const DecodeTimes times, model_.Decode(batch, context));
    Json result = {{"ms", times.median_ms},
                   {"tokens_per_s", static_cast<double>(batch) / times.median_ms * 1e3},
                   {"mean_ms", times.mean_ms}};
    if (times.graph_ms.has_value()) result["graph_ms"] = *times.graph_ms;
    return result;
  }

  // The share of a step in which its graph did not run: the longest that the GPU may have waited.
  // The copy of the step's inputs counts as idle, gaps between the kernels of a graph as busy.
  absl::StatusOr<Json> Idle(int64_t batch) {
    const int64_t context = tiny_ ? 8 : batch == 1 ? 512 : 768;
    GLYPH_ASSIGN_OR_RETURN(const DecodeTimes times, model_.Decode(batch, context));
    if (!times.graph_ms.has_value()) return absl::UnavailableError("no graph was launched");
    return Json{{"percent", 100 * (1 - *times.graph_ms / times.median_ms)},
                {"step_ms", times.median_ms},
                {"graph_ms", *times.graph_ms}};
  }

  // What the driver counts on the whole device, beside what the executor reserved in all.
  absl::StatusOr<Json> Memory() {
    int64_t planned = 0;
    Json components;
    for (const ComponentMemory& memory : model_.executor().memory()) {
      planned += memory.reserved_bytes;
      components[memory.component] = Mib(memory.reserved_bytes);
    }
    const bench::DeviceBytes device = bench::AskDevice();
    return Json{{"after_load_mib", Mib(loaded_bytes_)},
                {"planned_mib", Mib(planned)},
                {"peak_mib", Mib(std::max(peak_bytes_, device.used))},
                {"budget_mib", Mib(device.total)},
                {"components_mib", components}};
  }

  MeasuredModel model_;
  const bool tiny_;
  const int64_t loaded_bytes_;
  int64_t peak_bytes_;  // in use on the device, at most, when somebody looked
};

void Print(const std::string& name, absl::StatusOr<Json> result) {
  Json line = {{"name", name}};
  if (result.ok()) {
    line.update(*result);
  } else {
    line["error"] = std::string(result.status().message());
  }
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

int64_t WeightBytes(const StepExecutor& executor) {
  for (const ComponentMemory& memory : executor.memory()) {
    if (std::string_view(memory.component) == "weights") return memory.used_bytes;
  }
  return 0;
}

// Loading without its tokenizer, which is read once more to know what that takes: configuration,
// context of the GPU, memory, weights.
absl::StatusOr<Json> Load(const ModelFlags& flags, double folder_ms, int64_t weight_bytes) {
  const absl::Duration start = MonotonicNow();
  GLYPH_RETURN_IF_ERROR(Tokenizer::Load(flags.folder).status());
  const double tokenizer_ms = MsSince(start);
  return Json{
      {"ms", folder_ms - tokenizer_ms}, {"bytes", weight_bytes}, {"tokenizer_ms", tokenizer_ms}};
}

// What a server does before it serves, and a first decode step of every size.
absl::Status Run(const Options& options) {
  const absl::Duration start = MonotonicNow();
  GLYPH_ASSIGN_OR_RETURN(LoadedModel model, LoadModelFolder(options.model));
  const double folder_ms = MsSince(start);
  const int64_t loaded_bytes = bench::AskDevice().used;
  const int64_t weight_bytes = WeightBytes(*model.executor);
  GLYPH_RETURN_IF_ERROR(
      RunSelfTest(*model.executor, *model.prompts, model.served.pages.token_px(), model.golden));
  const double tested_ms = MsSince(start);
  GLYPH_RETURN_IF_ERROR(WarmDecodeSteps(*model.executor));
  const double ready_ms = MsSince(start);
  const Json ready = {{"ms", ProcessAgeMs(ready_ms)},
                      {"folder_ms", folder_ms},
                      {"self_test_ms", tested_ms - folder_ms},
                      {"decode_graphs_ms", ready_ms - tested_ms}};
  Bench bench(std::move(model), options.tiny, loaded_bytes);
  for (const std::string& name : options.names) {
    if (name == "load") {
      Print(name, Load(options.model, folder_ms, weight_bytes));
    } else {
      Print(name, name == "ready" ? ready : bench.Measure(name));
    }
  }
  return absl::OkStatus();
}

std::optional<Options> Parse(const std::vector<std::string>& args) {
  Options options;
  options.model.device = "cuda";
  options.model.dtype = "bfloat16";
  options.model.max_running = 256;
  options.model.max_chunk_tokens = 8192;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--tiny") {
      options.tiny = true;
    } else if (args[i] == "--device" && i + 1 < args.size()) {
      options.model.device = args[++i];
    } else if (options.model.folder.empty()) {
      options.model.folder = args[i];
    } else {
      options.names.push_back(args[i]);
    }
  }
  if (options.names.empty()) return std::nullopt;
  return options;
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  const auto options = glyph::vlm::Parse({argv + 1, argv + argc});
  if (!options.has_value()) {
    std::fprintf(stderr, "usage: gpu_engine_bench MODEL_DIR [--tiny] [--device cpu] NAME...\n");
    return 64;
  }
  const absl::Status status = glyph::vlm::Run(*options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
