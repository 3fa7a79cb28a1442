// The part of Scheduler that records what a step did.
#include <algorithm>
#include <utility>

#include "proto/base/check.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {

CommittedStep Scheduler::Commit(const StepResult& result) {
  GLYPH_CHECK(!steps_.empty());
  StepInFlight step = std::move(steps_.front());
  steps_.pop_front();
  const LinearCost::Features vision_features = pages_.Commit(counts_);
  if (vision_features[1] > 0) cost_.vision.Observe(vision_features, result.vision_ms);
  if (!step.chunks.empty()) cost_.prefill.Observe(step.prefill_features, result.prefill_ms);
  if (!step.decode.empty()) {
    cost_.decode.Observe(step.decode_features, result.decode_ms);
  }
  std::vector<std::optional<SequenceId>> rows;
  rows.reserve(result.tokens.size());
  size_t next = 0;
  const auto next_token = [&] { return result.tokens.at(next++).token; };
  for (const ChunkInFlight& chunk : step.chunks) {
    Sequence& sequence = Find(chunk.id);
    CommitComputed(sequence, chunk.num_tokens);
    counts_.prefilled_tokens += chunk.num_tokens;
    pages_.DropPassed(sequence);
    if (!chunk.samples) continue;
    rows.push_back(chunk.id);
  }
  const size_t num_chosen = rows.size();
  for (size_t row = 0; row < num_chosen; ++row) CommitToken(Find(*rows[row]), next_token());
  for (size_t row = 0; row < num_chosen; ++row) {
    Sequence& parent = Find(*rows[row]);
    for (size_t i = 0; i < parent.spec.forks.size(); ++i) {
      rows.push_back(BeginFork(parent, i, next_token()));
    }
    parent.spec.forks.clear();
    parent.fork_slots.clear();
  }
  for (Sequence* sequence : step.decode) {
    const int32_t token = next_token();
    rows.push_back(sequence == nullptr ? std::nullopt : std::optional(sequence->spec.id));
    if (sequence == nullptr) continue;
    CommitComputed(*sequence, 1);
    CommitToken(*sequence, token);
  }
  GLYPH_CHECK(next == result.tokens.size());
  FreeEnded(step);
  return {std::move(rows), std::move(step.vision)};
}

std::optional<SequenceId> Scheduler::Abandon() {
  GLYPH_CHECK(!steps_.empty());
  std::vector<SequenceId> worked_for;
  for (StepInFlight& step : std::exchange(steps_, {})) {
    worked_for.insert(worked_for.end(), step.vision.begin(), step.vision.end());
    for (const Sequence* sequence : step.decode) {
      if (sequence != nullptr) worked_for.push_back(sequence->spec.id);
    }
    for (const ChunkInFlight& chunk : step.chunks) worked_for.push_back(chunk.id);
    FreeEnded(step);
  }
  pages_.Abandon();
  for (Sequence* sequence : std::vector(admitted_.all())) {
    released_slots_.insert(released_slots_.end(), sequence->fork_slots.begin(),
                           sequence->fork_slots.end());  // the executor may have begun them
    Preempt(*sequence);
  }
  const auto newest = std::max_element(worked_for.begin(), worked_for.end());
  return newest == worked_for.end() ? std::nullopt : std::optional(*newest);
}

void Scheduler::CommitComputed(Sequence& sequence, int64_t num_tokens) {
  int64_t block = sequence.num_computed / limits_.block_tokens;
  sequence.num_computed += num_tokens;
  sequence.num_observed = sequence.num_computed;
  const int64_t end = sequence.num_computed / limits_.block_tokens;
  if (!budget_.reuse_prefixes || block == end) return;
  sequence.NameFullBlocks(limits_.block_tokens);
  for (; block < end; ++block) {
    pool_.Name(sequence.blocks[static_cast<int32_t>(block)],
               sequence.block_names[static_cast<size_t>(block)]);
  }
}

void Scheduler::CommitToken(Sequence& sequence, int32_t token) {
  sequence.AppendOutput(token);
  if (sequence.phase == Sequence::Phase::kPrefill) {
    SharesOf(sequence.spec.priority).Leave(sequence.spec.id);
  }
  sequence.phase = Sequence::Phase::kDecode;
  GLYPH_CHECK(sequence.num_promised_blocks == 0);
}

// The fork stands where its parent stood before its token of this step.
SequenceId Scheduler::BeginFork(Sequence& parent, size_t index, int32_t token) {
  SequenceSpec spec;
  spec.id = parent.spec.forks[index].id;
  spec.max_prompt_tokens = parent.spec.max_prompt_tokens;
  spec.max_output_tokens = parent.spec.max_output_tokens;
  spec.sampling = parent.spec.forks[index].sampling;
  spec.priority = parent.spec.priority;
  spec.tenant = parent.spec.tenant;
  const SequenceId id = spec.id;
  Sequence& fork = sequences_.emplace(id, std::move(spec)).first->second;
  fork.ids.assign(parent.ids.begin(), parent.ids.end() - 1);
  fork.positions = parent.positions;
  fork.num_prompt_tokens = parent.num_prompt_tokens;
  fork.next_position = parent.next_position;
  fork.prompt_complete = true;
  fork.pages = parent.pages;
  pages_.HoldAgain(fork);
  fork.block_names = parent.block_names;
  fork.was_admitted = true;
  fork.slot = parent.fork_slots[index];
  fork.slot_started = true;
  fork.blocks = parent.blocks.Fork();
  fork.num_synced_blocks = parent.num_synced_blocks;
  fork.num_computed = parent.num_computed;
  CommitToken(fork, token);
  admitted_.Add(fork);
  return id;
}

}  // namespace glyph::vlm
