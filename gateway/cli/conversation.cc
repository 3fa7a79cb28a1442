#include "gateway/cli/conversation.h"

#include <utility>

namespace glyph::gateway::cli {
namespace {

v1::AskPart Text(const std::string& text) {
  v1::AskPart part;
  part.set_text(text);
  return part;
}

void Append(const v1::AskPart& part, v1::AskRequest& request) {
  const int count = request.parts_size();
  if (part.has_text() && count > 0 && request.parts(count - 1).has_text()) {
    request.mutable_parts(count - 1)->mutable_text()->append(part.text());
  } else {
    *request.add_parts() = part;
  }
}

}  // namespace

void Conversation::AddQuestion(const std::string& text) {
  open_.push_back(Text(text));
  messages_.push_back({.is_user = true, .parts = std::exchange(open_, {})});
}

void Conversation::AddAnswer(const std::string& text) {
  messages_.push_back({.is_user = false, .parts = {Text(text)}});
}

void Conversation::TakeBackQuestion() {
  open_ = std::move(messages_.back().parts);
  open_.pop_back();
  messages_.pop_back();
}

void Conversation::Clear() {
  messages_.clear();
  open_.clear();
}

void Conversation::AppendTo(v1::AskRequest& request) const {
  const bool names_speakers = messages_.size() > 1;  // questions and answers take turns
  for (const Message& message : messages_) {
    std::string lead = &message == &messages_.front() ? "" : "\n\n";
    if (names_speakers) lead += message.is_user ? "User: " : "Assistant: ";
    if (!lead.empty()) Append(Text(lead), request);
    for (const v1::AskPart& part : message.parts) Append(part, request);
  }
}

}  // namespace glyph::gateway::cli
