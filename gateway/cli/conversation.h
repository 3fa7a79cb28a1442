#pragma once
#include <string>
#include <vector>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

// What was said in a chat. The model reads one turn of a user, so the conversation becomes one as
// the HTTP API makes it (gateway/http/chat_messages): a blank line between messages and, when the
// assistant has spoken, the name of the speaker before each. Not thread-safe.
class Conversation {
 public:
  // A document or image of the message that AddQuestion completes.
  void Attach(v1::AskPart part) { open_.push_back(std::move(part)); }
  void AddQuestion(const std::string& text);
  void AddAnswer(const std::string& text);
  // Takes back the last question: what was attached to it is open again.
  void TakeBackQuestion();
  void Clear();

  // Appends the conversation to the request; texts that follow each other are one part.
  void AppendTo(v1::AskRequest& request) const;

 private:
  struct Message {
    bool is_user;
    std::vector<v1::AskPart> parts;
  };
  std::vector<Message> messages_;
  std::vector<v1::AskPart> open_;
};

}  // namespace glyph::gateway::cli
