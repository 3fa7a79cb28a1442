#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "tests/fakes/fake_prompt.h"
#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// One request as a test's client makes it.
struct Script {
  SequenceSpec spec;
  std::vector<FakePage> pages;
  std::vector<Prompt> fragments;  // one ends with each page, then the rest

  int num_samples() const { return 1 + static_cast<int>(spec.forks.size()); }
};

// What random scripts are made of.
struct ScriptRange {
  int max_pages = 4;
  int max_page_tokens = 24;
  int max_text = 40;  // tokens of each text
  int max_outputs = 40;
  int max_samples = 1;
  int num_priorities = 1;
};

// A random request: few distinct pages, beginnings of texts and prompts, so that caches have
// something to find; forced outputs at times. The samples' ids follow `id`.
Script RandomScript(std::mt19937& random, SequenceId id, const ScriptRange& range);

// The first `count` output tokens of one sample, forced ones included, when it has a machine for
// itself on which nothing is shared, cut or preempted.
std::vector<int32_t> AloneTokens(const Script& script, int sample, size_t count);

}  // namespace glyph::vlm
