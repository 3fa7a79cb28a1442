// dump_model: what this model computes where gpu_reference.py wrote what transformers computes,
// for compare_with_reference.py.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "c10/core/InferenceMode.h"
#include "proto/rpc/error.h"
#include "tests/reference/model/model_passes.h"
#include "tests/reference/model/npy_array.h"
#include "vlm_service/tools/generation.h"
#include "vlm_service/tools/generation_request.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kSlot{0};
constexpr PageId kPage{0};
constexpr size_t kTop = 64;

struct Flags {
  std::string model;
  std::filesystem::path reference;
  std::filesystem::path out;
  std::string dtype = "bfloat16";
  std::string device = "cuda";
  int32_t decode_rows = 16;
};

// A folder of the reference, and where ours goes.
struct Case {
  std::filesystem::path reference;
  std::filesystem::path out;
  GenerationRequest request;
  std::vector<int32_t> rows;    // positions whose values are kept
  std::vector<int32_t> answer;  // that follows the prompt; none where it is not forced

  const Prompt& prompt() const { return *request.prompt; }
};

// The likeliest tokens after each of some rows.
struct TopTokens {
  std::vector<int32_t> ids;   // [rows, count]
  std::vector<float> logits;  // [rows, count]

  void Add(std::span<const float> row, size_t count) {
    std::vector<int32_t> order(row.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(
        order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end(),
        [&](int32_t a, int32_t b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
    for (size_t i = 0; i < count; ++i) {
      ids.push_back(order[i]);
      logits.push_back(row[order[i]]);
    }
  }
};

absl::StatusOr<Case> LoadCase(const Flags& flags, const std::string& name,
                              const std::vector<std::string>& pages, const ModelConfig& config,
                              const std::shared_ptr<const Tokenizer>& tokenizer) {
  Case loaded;
  loaded.reference = flags.reference / name;
  loaded.out = flags.out / name;
  GLYPH_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                         ReadInts(loaded.reference / "prompt_ids.npy"));
  GLYPH_ASSIGN_OR_RETURN(loaded.rows, ReadInts(loaded.reference / "rows.npy"));
  std::ifstream stream(loaded.reference / "prompt.txt", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  GLYPH_ASSIGN_OR_RETURN(loaded.request, MakeRequest(pages, text, config, tokenizer));
  if (loaded.prompt().ids != ids) {
    return absl::FailedPreconditionError(absl::StrCat(name, "'s prompt has ", ids.size(),
                                                      " ids there and ", loaded.prompt().ids.size(),
                                                      " here, or others"));
  }
  return loaded;
}

// The whole prompt, and what follows it.
PrefillChunk Sequence(const Prompt& prompt, std::span<const int32_t> answer) {
  const auto size = static_cast<int64_t>(prompt.ids.size());
  Prompt whole = prompt;
  whole.ids.insert(whole.ids.end(), answer.begin(), answer.end());
  whole.positions.clear();
  for (int64_t axis = 0; axis < 3; ++axis) {
    std::copy_n(prompt.positions.begin() + axis * size, size, std::back_inserter(whole.positions));
    for (size_t i = 0; i < answer.size(); ++i) {
      whole.positions.push_back(prompt.next_position + static_cast<int32_t>(i));
    }
  }
  const std::vector<PageId> pages(prompt.pages.size(), kPage);
  return ChunkOf(whole, 0, static_cast<int64_t>(whole.ids.size()), kSlot, pages);
}

absl::Status DumpPage(const Case& page, ModelPasses& passes) {
  const auto& image = page.request.pages.front();
  const PageGrid grid = page.prompt().pages.front().grid;
  GLYPH_ASSIGN_OR_RETURN(const std::vector<int32_t> rows,
                         ReadInts(page.reference / "vision_rows.npy"));
  GLYPH_ASSIGN_OR_RETURN(const std::vector<int32_t> patches,
                         ReadInts(page.reference / "vision_patches.npy"));
  passes.Encode(kPage, image, grid);
  const std::vector<float> output = passes.PageOutput(kPage, grid.num_tokens(), rows);
  const auto num_rows = static_cast<int64_t>(rows.size());
  GLYPH_RETURN_IF_ERROR(WriteArray(
      page.out / "vision.npy",
      std::vector<int64_t>{num_rows, static_cast<int64_t>(output.size()) / num_rows}, output));
  const std::vector<float> hidden = passes.PageHidden(*image, grid, patches);
  const auto num_patches = static_cast<int64_t>(patches.size());
  const int64_t blocks = passes.config().vision.depth + 1;
  return WriteArray(
      page.out / "vision_hidden.npy",
      std::vector<int64_t>{blocks, num_patches,
                           static_cast<int64_t>(hidden.size()) / (blocks * num_patches)},
      hidden);
}

absl::Status DumpPrompt(const Case& prompt, ModelPasses& passes) {
  const TextConfig& text = passes.config().text;
  const auto num_rows = static_cast<int64_t>(prompt.rows.size());
  const auto num_tokens = static_cast<int64_t>(prompt.prompt().ids.size());
  const PrefillChunk chunk = Sequence(prompt.prompt(), {});
  GLYPH_RETURN_IF_ERROR(
      WriteArray(prompt.out / "hidden.npy",
                 std::vector<int64_t>{text.num_layers + 2, num_rows, text.hidden_size},
                 passes.Hidden(chunk, prompt.rows)));
  std::vector<float> kept;
  TopTokens top;
  const size_t count = std::min(kTop, static_cast<size_t>(text.vocab_size));
  passes.PrefillLogits(chunk, num_tokens, [&](int64_t row, std::span<const float> logits) {
    top.Add(logits, count);
    if (std::binary_search(prompt.rows.begin(), prompt.rows.end(), row)) {
      kept.insert(kept.end(), logits.begin(), logits.end());
    }
  });
  const std::vector<int64_t> shape = {num_tokens, static_cast<int64_t>(count)};
  GLYPH_RETURN_IF_ERROR(
      WriteArray(prompt.out / "logits.npy", std::vector<int64_t>{num_rows, text.vocab_size}, kept));
  GLYPH_RETURN_IF_ERROR(WriteArray(prompt.out / "top_ids.npy", shape, top.ids));
  return WriteArray(prompt.out / "top_logits.npy", shape, top.logits);
}

// Choices after the prompt and each part of the answer.
absl::Status DumpForced(const Case& prompt, int64_t decode_rows, ModelPasses& passes) {
  if (prompt.answer.empty()) return absl::OkStatus();
  const auto count = static_cast<int64_t>(prompt.answer.size());
  const PrefillChunk chunk =
      Sequence(prompt.prompt(), std::span(prompt.answer).first(prompt.answer.size() - 1));
  TopTokens prefilled;
  passes.PrefillLogits(chunk, count, [&](int64_t /*row*/, std::span<const float> logits) {
    prefilled.Add(logits, 1);
  });
  TopTokens decoded;
  passes.DecodeLogits(
      chunk, count, decode_rows,
      [&](int64_t /*row*/, std::span<const float> logits) { decoded.Add(logits, 1); });
  const std::vector<int64_t> shape = {count};
  GLYPH_RETURN_IF_ERROR(WriteArray(prompt.out / "forced_ids.npy", shape, prefilled.ids));
  return WriteArray(prompt.out / "decoded_ids.npy", shape, decoded.ids);
}

// Memory for the longer of the cases.
ExecutorOptions OptionsFor(const Flags& flags, const std::vector<Case>& cases,
                           const ModelConfig& config) {
  ExecutorOptions options;
  options.device = flags.device == "cuda" ? ModelDevice::kCuda : ModelDevice::kCpu;
  options.dtype = flags.dtype == "bfloat16" ? ModelDType::kBFloat16 : ModelDType::kFloat32;
  options.max_slots = flags.decode_rows;
  options.max_vision_tokens = 0;
  int64_t tokens = 0;
  for (const Case& each : cases) {
    tokens = std::max(tokens, static_cast<int64_t>(each.prompt().ids.size() + each.answer.size()));
    options.max_vision_tokens =
        std::max(options.max_vision_tokens, 2 * VisionTokens(each.prompt()));
  }
  options.kv_tokens = tokens * flags.decode_rows;
  options.max_chunk_tokens = ModelPasses::ChunkTokens(config.text, tokens);
  return options;
}

absl::Status Dump(const Flags& flags) {
  GLYPH_ASSIGN_OR_RETURN(const ModelConfig config, LoadModelConfig(flags.model));
  GLYPH_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> loaded, Tokenizer::Load(flags.model));
  const std::shared_ptr<const Tokenizer> tokenizer = std::move(loaded);
  std::vector<Case> cases;
  GLYPH_ASSIGN_OR_RETURN(cases.emplace_back(), LoadCase(flags, "text", {}, config, tokenizer));
  GLYPH_ASSIGN_OR_RETURN(cases.front().answer, ReadInts(flags.reference / "text/greedy_ids.npy"));
  GLYPH_ASSIGN_OR_RETURN(
      cases.emplace_back(),
      LoadCase(flags, "page", {(flags.reference / "page.png").string()}, config, tokenizer));
  GLYPH_ASSIGN_OR_RETURN(
      const std::unique_ptr<ModelPasses> passes,
      ModelPasses::Create(flags.model, config, OptionsFor(flags, cases, config)));
  for (const Case& each : cases) {
    if (!each.request.pages.empty()) GLYPH_RETURN_IF_ERROR(DumpPage(each, *passes));
    GLYPH_RETURN_IF_ERROR(DumpPrompt(each, *passes));
    GLYPH_RETURN_IF_ERROR(DumpForced(each, flags.decode_rows, *passes));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace glyph::vlm

int main(int argc, char** argv) {
  glyph::vlm::Flags flags;
  CLI::App app("Writes OUT/CASE/NAME.npy for compare_with_reference.py.", "dump_model");
  app.add_option("MODEL_DIR", flags.model, "Model folder")->required();
  app.add_option("REF", flags.reference, "Folder of gpu_reference.py")->required();
  app.add_option("OUT", flags.out, "Folder to write to")->required();
  app.add_option("--dtype", flags.dtype)->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--device", flags.device)->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--decode-rows", flags.decode_rows, "Tokens of a decode step")
      ->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  const c10::InferenceMode no_autograd;
  const absl::Status status = glyph::vlm::Dump(flags);
  if (!status.ok()) {
    std::fprintf(stderr, "dump_model: %s\n", std::string(status.message()).c_str());
  }
  return status.ok() ? 0 : 1;
}
