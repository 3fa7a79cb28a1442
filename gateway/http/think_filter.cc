#include "gateway/http/think_filter.h"

#include <algorithm>
#include <utility>

namespace glyph::gateway {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kThink = "<think>", kEndOfThink = "</think>";
constexpr std::string_view kAnswer = "<answer>", kEndOfAnswer = "</answer>";

// Bytes at the end of `text` that may belong to `tag`: its beginning, and white space before it.
size_t TagSuffix(std::string_view text, std::string_view tag) {
  size_t begun = std::min(text.size(), tag.size() - 1);
  while (begun > 0 && text.substr(text.size() - begun) != tag.substr(0, begun)) --begun;
  const std::string_view before = text.substr(0, text.size() - begun);
  const size_t last = before.find_last_not_of(kSpace);
  return text.size() - (last == std::string_view::npos ? 0 : last + 1);
}

std::string_view WithoutTrailingSpace(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace

ThinkSplit ThinkFilter::Feed(std::string_view text) {
  ThinkSplit split;
  held_.append(text);
  for (bool goes_on = true; goes_on && !held_.empty();) {
    switch (stage_) {
      case Stage::kStart:
      case Stage::kAfterThink:
        goes_on = Open();
        break;
      case Stage::kReasoning:
        goes_on = TakeUntil(kEndOfThink, split.reasoning);
        if (goes_on) stage_ = Stage::kAfterThink;
        break;
      case Stage::kAnswer:
        goes_on = TakeUntil(kEndOfAnswer, split.content);
        if (goes_on) stage_ = Stage::kAfterAnswer;
        break;
      case Stage::kAfterAnswer: {
        const size_t sure = WithoutTrailingSpace(held_).size();
        split.content.append(held_, 0, sure);
        held_.erase(0, sure);
        goes_on = false;
        break;
      }
      case Stage::kPlain:
        split.content.append(std::exchange(held_, {}));
        break;
    }
  }
  return split;
}

bool ThinkFilter::Open() {
  const bool may_think = stage_ == Stage::kStart;
  size_t space = std::min(held_.find_first_not_of(kSpace), held_.size());
  if (!may_think) held_.erase(0, std::exchange(space, 0));  // next to the tag before
  const std::string_view rest = std::string_view(held_).substr(space);
  for (const auto& [tag, stage] :
       {std::pair(kThink, Stage::kReasoning), std::pair(kAnswer, Stage::kAnswer)}) {
    if (tag == kThink && !may_think) continue;
    if (rest.substr(0, tag.size()) == tag) {
      held_.erase(0, space + tag.size());
      stage_ = stage;
      trims_ = true;
      return true;
    }
    if (tag.substr(0, rest.size()) == rest) return false;  // it may become the tag
  }
  stage_ = Stage::kPlain;
  return true;
}

bool ThinkFilter::TakeUntil(std::string_view tag, std::string& out) {
  if (trims_) {
    held_.erase(0, std::min(held_.find_first_not_of(kSpace), held_.size()));
    trims_ = held_.empty();
  }
  const size_t end = held_.find(tag);
  if (end == std::string::npos) {
    const size_t sure = held_.size() - TagSuffix(held_, tag);
    out.append(held_, 0, sure);
    held_.erase(0, sure);
    return false;
  }
  out.append(WithoutTrailingSpace(std::string_view(held_).substr(0, end)));
  held_.erase(0, end + tag.size());
  return true;
}

ThinkSplit ThinkFilter::Finish() {
  ThinkSplit split;
  std::string rest = std::exchange(held_, {});
  if (stage_ == Stage::kReasoning) {
    split.reasoning = std::move(rest);
  } else if (stage_ != Stage::kAfterAnswer) {  // else it is white space after the tag
    split.content = std::move(rest);
  }
  return split;
}

}  // namespace glyph::gateway
