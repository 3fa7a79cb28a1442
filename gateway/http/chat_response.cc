#include "gateway/http/chat_response.h"

#include <utility>

#include "gateway/http/sse.h"

namespace glyph::gateway {
namespace {

const char* NameOf(v1::FinishReason reason) {
  return reason == v1::FINISH_REASON_LENGTH ? "length" : "stop";
}

const char* FinishReasonOf(const v1::AskFinished& finished, int choice) {
  return NameOf(choice < finished.samples_size() ? finished.samples(choice).reason()
                                                 : finished.reason());
}

Json UsageOf(const v1::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens()},
          {"completion_tokens", usage.output_tokens()},
          {"total_tokens", usage.prompt_tokens() + usage.output_tokens()},
          {"prompt_tokens_details",
           {{"cached_tokens", usage.cached_tokens()}, {"image_tokens", usage.visual_tokens()}}}};
}

// What OpenAI has no field for.
Json ExtensionOf(const v1::AskFinished& finished) {
  const v1::Usage& usage = finished.usage();
  Json warnings = Json::array();
  for (const std::string& warning : finished.warnings()) warnings.push_back(warning);
  return {{"characters", usage.characters()},       {"pages", usage.pages()},
          {"visual_tokens", usage.visual_tokens()}, {"first_token_ms", usage.first_token_ms()},
          {"total_ms", usage.total_ms()},           {"warnings", warnings}};
}

Json Envelope(const ChatIdentity& identity, const char* object) {
  return {{"id", identity.id},
          {"object", object},
          {"created", identity.created},
          {"model", identity.model},
          {"system_fingerprint", "glyph-" GLYPH_VERSION}};
}

void Append(ThinkSplit more, ThinkSplit& text) {
  text.reasoning.append(more.reasoning);
  text.content.append(more.content);
}

}  // namespace

ChatStream::ChatStream(ChatIdentity identity)
    : identity_(std::move(identity)), filters_(static_cast<size_t>(identity_.num_choices)) {}

std::string ChatStream::Start() const {
  std::string events;
  for (uint32_t i = 0; i < filters_.size(); ++i) {
    events += Delta(i, {{"role", "assistant"}, {"content", ""}}, nullptr);
  }
  return events;
}

std::string ChatStream::Add(const v1::AskDelta& delta) {
  if (delta.sample() >= filters_.size()) return "";
  return Split(delta.sample(), filters_[delta.sample()].Feed(delta.text()));
}

std::string ChatStream::Finish(const v1::AskFinished& finished) {
  std::string events;
  for (uint32_t i = 0; i < filters_.size(); ++i) {
    events += Split(i, filters_[i].Finish());
    events += Delta(i, Json::object(), FinishReasonOf(finished, static_cast<int>(i)));
  }
  if (identity_.include_usage) events += Chunk(Json::array(), &finished);
  return events + SseDone();
}

std::string ChatStream::Split(uint32_t index, ThinkSplit split) const {
  std::string events;
  if (!split.reasoning.empty()) {
    events += Delta(index, {{"reasoning_content", std::move(split.reasoning)}}, nullptr);
  }
  if (!split.content.empty()) {
    events += Delta(index, {{"content", std::move(split.content)}}, nullptr);
  }
  return events;
}

std::string ChatStream::Delta(uint32_t index, Json delta, const char* finish_reason) const {
  Json choice = {{"index", index}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
  choice["finish_reason"] = finish_reason == nullptr ? Json(nullptr) : Json(finish_reason);
  return Chunk(Json::array({std::move(choice)}), nullptr);
}

std::string ChatStream::Chunk(Json choices, const v1::AskFinished* finished) const {
  Json chunk = Envelope(identity_, "chat.completion.chunk");
  chunk["choices"] = std::move(choices);
  if (finished != nullptr) {
    chunk["usage"] = UsageOf(finished->usage());
    chunk["glyph"] = ExtensionOf(*finished);
  } else if (identity_.include_usage) {
    chunk["usage"] = nullptr;
  }
  return SseData(JsonText(chunk));
}

ChatCompletion::ChatCompletion(ChatIdentity identity)
    : identity_(std::move(identity)), choices_(static_cast<size_t>(identity_.num_choices)) {}

void ChatCompletion::Clear() { choices_.assign(choices_.size(), Choice()); }

void ChatCompletion::Add(const v1::AskDelta& delta) {
  if (delta.sample() >= choices_.size()) return;
  Choice& choice = choices_[delta.sample()];
  Append(choice.filter.Feed(delta.text()), choice.text);
}

std::string ChatCompletion::Finish(const v1::AskFinished& finished) {
  Json choices = Json::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    Choice& choice = choices_[i];
    Append(choice.filter.Finish(), choice.text);
    Json message = {{"role", "assistant"}, {"content", choice.text.content}};
    if (!choice.text.reasoning.empty()) message["reasoning_content"] = choice.text.reasoning;
    message["refusal"] = nullptr;
    choices.push_back({{"index", i},
                       {"message", std::move(message)},
                       {"logprobs", nullptr},
                       {"finish_reason", FinishReasonOf(finished, static_cast<int>(i))}});
  }
  Json completion = Envelope(identity_, "chat.completion");
  completion["choices"] = std::move(choices);
  completion["usage"] = UsageOf(finished.usage());
  completion["glyph"] = ExtensionOf(finished);
  return JsonText(completion);
}

}  // namespace glyph::gateway
