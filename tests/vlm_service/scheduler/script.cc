#include "tests/vlm_service/scheduler/script.h"

#include <algorithm>
#include <string>

#include "tests/fakes/fake_step_executor.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {
namespace {

int Below(std::mt19937& random, int bound) {
  return static_cast<int>(random() % static_cast<uint32_t>(bound));
}

// Begins as one of three texts do.
std::vector<int32_t> RandomText(std::mt19937& random, int max_text) {
  const int base = 1000 * Below(random, 3);
  std::vector<int32_t> text(static_cast<size_t>(1 + Below(random, max_text)));
  for (size_t i = 0; i < text.size(); ++i) text[i] = base + static_cast<int32_t>(i);
  if (Below(random, 3) == 0) text.back() = Below(random, 300);
  return text;
}

// One of six pages; the last is as large as pages get.
FakePage RandomPage(std::mt19937& random, int max_page_tokens) {
  const int kind = Below(random, 6);
  const int rows = 1 + kind % 3;
  const int cols = kind == 5 ? max_page_tokens / rows : std::min(1 + kind, max_page_tokens / rows);
  return {static_cast<uint8_t>(1 + kind), {rows, cols}};
}

// The prompt number `seed`.
void AddContents(Script& script, const ScriptRange& range, uint32_t seed) {
  std::mt19937 random(seed);
  FakePromptStream stream;
  for (int i = Below(random, 2) * Below(random, range.max_pages + 1); i > 0; --i) {
    script.pages.push_back(RandomPage(random, range.max_page_tokens));
    script.fragments.push_back(
        stream.Page(RandomText(random, range.max_text), script.pages.back().grid));
  }
  script.fragments.push_back(stream.Text(RandomText(random, range.max_text)));
}

}  // namespace

Script RandomScript(std::mt19937& random, SequenceId id, const ScriptRange& range) {
  Script script;
  AddContents(script, range, Below(random, 2) == 0 ? random() : random() % 20);
  SequenceSpec& spec = script.spec;
  spec.id = id;
  for (const Prompt& fragment : script.fragments) {
    spec.max_prompt_tokens += static_cast<int64_t>(fragment.ids.size());
  }
  spec.max_prompt_tokens += Below(random, 20);
  spec.max_output_tokens = 1 + Below(random, range.max_outputs);
  spec.sampling.seed = random();
  spec.priority = Below(random, range.num_priorities);
  spec.tenant = std::string(1, static_cast<char>('a' + Below(random, 3)));
  const int num_forks = Below(random, 3) == 0 ? Below(random, range.max_samples) : 0;
  for (int fork = 1; fork <= num_forks; ++fork) {
    spec.forks.push_back({SequenceId{static_cast<int64_t>(id) + fork}, spec.sampling});
    spec.forks.back().sampling.seed += static_cast<uint64_t>(fork);
  }
  if (num_forks > 0 || Below(random, 3) > 0) return script;
  for (int64_t i = Below(random, static_cast<int>(spec.max_output_tokens)); i > 0; --i) {
    spec.forced_output_ids.push_back(Below(random, 300));
  }
  return script;
}

std::vector<int32_t> AloneTokens(const Script& script, int sample, size_t count) {
  SequenceSpec spec = script.spec;
  if (sample > 0) spec.sampling = spec.forks[static_cast<size_t>(sample) - 1].sampling;
  spec.forks.clear();
  int64_t page_tokens = 1;
  for (const FakePage& page : script.pages) page_tokens += page.grid.num_tokens();
  ExecutorLimits limits;
  limits.block_tokens = 16;
  limits.context_tokens = spec.max_prompt_tokens + spec.max_output_tokens;
  limits.num_blocks = limits.BlocksFor(limits.context_tokens);
  limits.max_slots = 1;
  limits.max_vision_tokens = 2 * page_tokens;
  FakeStepExecutor executor(limits);
  Scheduler scheduler(limits,
                      {.idle_ms = 1e9, .max_chunk_tokens = 1 << 20, .reuse_prefixes = false});
  scheduler.Enqueue(spec);
  scheduler.Admit();
  for (size_t i = 0; i < script.pages.size(); ++i) {
    scheduler.OfferPage(spec.id, script.pages[i].Name(), script.fragments[i]);
    while (scheduler.TakeNotices().decisions.empty()) {  // two pages are ahead of what is encoded
      executor.Submit(scheduler.Plan());
      scheduler.Commit(*executor.Collect());
    }
    scheduler.AddPage(spec.id, script.pages[i].Image());
  }
  scheduler.FinishPrompt(spec.id, script.fragments.back());
  std::vector<int32_t> tokens = spec.forced_output_ids;
  while (tokens.size() < count) {
    executor.Submit(scheduler.Plan());
    const StepResult result = *executor.Collect();
    scheduler.Commit(result);
    for (const SampledToken& token : result.tokens) tokens.push_back(token.token);
  }
  tokens.resize(count);
  return tokens;
}

}  // namespace glyph::vlm
