#include "tests/vlm_service/model/request_batch.h"

#include <algorithm>
#include <utility>

#include "gtest/gtest.h"
#include "vlm_service/tools/generation.h"

namespace glyph::vlm {
namespace {

struct Running {
  size_t request;
  SequenceSlot slot;
  std::vector<BlockId> blocks;
  std::vector<PageId> pages;
  int64_t num_read = 0;  // tokens of the prompt
};

class Loop {
 public:
  Loop(StepExecutor& executor, const std::vector<BatchRequest>& requests, int64_t chunk_tokens)
      : executor_(executor),
        requests_(requests),
        chunk_tokens_(chunk_tokens),
        answers_(requests.size()) {
    for (int32_t slot = 0; slot < executor.limits().max_slots; ++slot) {
      free_slots_.push_back(SequenceSlot{slot});
    }
    for (int32_t block = 0; block < executor.limits().num_blocks; ++block) {
      free_blocks_.push_back(BlockId{block});
    }
  }

  std::vector<BatchAnswer> Run() {
    while (next_ < requests_.size() || !running_.empty()) {
      StepPlan plan = std::move(releases_);
      releases_ = {};
      Admit(plan);
      for (Running& running : running_) AddWork(running, plan);
      executor_.Submit(std::move(plan));
      absl::StatusOr<StepResult> result = executor_.Collect();
      EXPECT_TRUE(result.ok()) << result.status();
      if (!result.ok()) return answers_;
      Commit(*std::move(result));
    }
    executor_.Submit(std::move(releases_));
    EXPECT_TRUE(executor_.Collect().ok());
    return answers_;
  }

 private:
  // At most one request a step, so that prompts and decoding mix.
  void Admit(StepPlan& plan) {
    if (next_ == requests_.size() || free_slots_.empty()) return;
    const BatchRequest& request = requests_[next_];
    const int32_t block_tokens = executor_.limits().block_tokens;
    const size_t tokens = request.prompt->ids.size() + request.max_new_tokens;
    const size_t count = (tokens + block_tokens - 1) / block_tokens;
    if (count > free_blocks_.size()) return;
    Running running = {.request = next_++, .slot = free_slots_.front(), .blocks = {}, .pages = {}};
    free_slots_.pop_front();
    for (size_t i = 0; i < count; ++i) {
      running.blocks.push_back(free_blocks_.front());
      free_blocks_.pop_front();
    }
    plan.started_slots.push_back({.slot = running.slot,
                                  .sampling = request.sampling,
                                  .return_logits = request.return_logits});
    for (size_t i = 0; i < count; ++i) {
      plan.table_edits.push_back(
          {.slot = running.slot, .index = static_cast<int32_t>(i), .block = running.blocks[i]});
    }
    for (size_t i = 0; i < request.pages.size(); ++i) {
      const PageGrid& grid = request.prompt->pages[i].grid;
      running.pages.push_back(PageId{next_page_++});
      plan.vision.push_back({.page = running.pages.back(),
                             .image = request.pages[i],
                             .grid = grid,
                             .first_unit = 0,
                             .num_units = executor_.limits().VisionUnits(grid)});
    }
    running_.push_back(std::move(running));
  }

  // The next chunk of a prompt, or one more token.
  void AddWork(Running& running, StepPlan& plan) {
    const Prompt& prompt = *requests_[running.request].prompt;
    const int64_t left = static_cast<int64_t>(prompt.ids.size()) - running.num_read;
    if (left == 0) {
      plan.decode.push_back(NextRow(running));
      return;
    }
    const int64_t count = chunk_tokens_ == 0 ? left : std::min(left, chunk_tokens_);
    plan.prefill.push_back(ChunkOf(prompt, running.num_read, count, running.slot, running.pages));
    running.num_read += count;
    if (count == left) {  // the prompt has read them by the next step
      releases_.released_pages.insert(releases_.released_pages.end(), running.pages.begin(),
                                      running.pages.end());
    }
  }

  DecodeWork NextRow(const Running& running) const {
    const Prompt& prompt = *requests_[running.request].prompt;
    const auto fed = static_cast<int32_t>(answers_[running.request].output_ids.size()) - 1;
    return {.slot = running.slot,
            .kv_length = static_cast<int64_t>(prompt.ids.size()) + fed,
            .position = prompt.next_position + fed};
  }

  void Commit(StepResult result) {
    for (SampledToken& token : result.tokens) {
      const auto it = std::find_if(running_.begin(), running_.end(),
                                   [&](const Running& r) { return r.slot == token.slot; });
      EXPECT_TRUE(token.finite);
      BatchAnswer& answer = answers_[it->request];
      answer.output_ids.push_back(token.token);
      answer.logits.push_back(std::move(token.logits));
      const BatchRequest& request = requests_[it->request];
      const auto& stops = request.stop_tokens;
      if (answer.output_ids.size() == static_cast<size_t>(request.max_new_tokens) ||
          std::find(stops.begin(), stops.end(), token.token) != stops.end()) {
        Release(*it);
        running_.erase(it);
      }
    }
  }

  // Slots and blocks go to the back, so that later requests get others, out of order.
  void Release(const Running& running) {
    releases_.released_slots.push_back(running.slot);
    free_slots_.push_back(running.slot);
    free_blocks_.insert(free_blocks_.end(), running.blocks.rbegin(), running.blocks.rend());
  }

  StepExecutor& executor_;
  const std::vector<BatchRequest>& requests_;
  const int64_t chunk_tokens_;
  std::vector<BatchAnswer> answers_;
  std::vector<Running> running_;
  std::deque<SequenceSlot> free_slots_;
  std::deque<BlockId> free_blocks_;
  StepPlan releases_;
  size_t next_ = 0;
  int64_t next_page_ = 0;
};

}  // namespace

std::vector<BatchAnswer> AnswerTogether(StepExecutor& executor,
                                        const std::vector<BatchRequest>& requests,
                                        int64_t chunk_tokens) {
  return Loop(executor, requests, chunk_tokens).Run();
}

std::vector<BatchAnswer> AnswerAlone(StepExecutor& executor,
                                     const std::vector<BatchRequest>& requests) {
  std::vector<BatchAnswer> answers;
  for (const BatchRequest& request : requests) {
    answers.push_back(std::move(AnswerTogether(executor, {request}).front()));
  }
  return answers;
}

}  // namespace glyph::vlm
