#include "gateway/cli/conversation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Parts(const Conversation& conversation) {
  v1::AskRequest request;
  conversation.AppendTo(request);
  std::vector<std::string> parts;
  for (const v1::AskPart& part : request.parts()) {
    parts.push_back(part.has_text() ? part.text() : "<" + part.document().text() + ">");
  }
  return parts;
}

v1::AskPart Document(const std::string& text) {
  v1::AskPart part;
  part.mutable_document()->set_text(text);
  return part;
}

TEST(ConversationTest, NamesSpeakersOnceTheAssistantSpoke) {
  Conversation conversation;
  conversation.Attach(Document("a"));
  conversation.AddQuestion("one?");
  EXPECT_THAT(Parts(conversation), ElementsAre("<a>", "one?"));
  conversation.AddAnswer("1");
  conversation.Attach(Document("b"));
  conversation.AddQuestion("two?");
  EXPECT_THAT(Parts(conversation),
              ElementsAre("User: ", "<a>", "one?\n\nAssistant: 1\n\nUser: ", "<b>", "two?"));
}

TEST(ConversationTest, AQuestionTakenBackLeavesItsAttachments) {
  Conversation conversation;
  conversation.Attach(Document("a"));
  conversation.AddQuestion("one?");
  conversation.TakeBackQuestion();
  EXPECT_THAT(Parts(conversation), ElementsAre());
  conversation.AddQuestion("two?");
  EXPECT_THAT(Parts(conversation), ElementsAre("<a>", "two?"));
}

TEST(ConversationTest, ForgetsAll) {
  Conversation conversation;
  conversation.AddQuestion("one?");
  conversation.AddAnswer("1");
  conversation.Attach(Document("a"));
  conversation.Clear();
  conversation.AddQuestion("two?");
  EXPECT_THAT(Parts(conversation), ElementsAre("two?"));
}

}  // namespace
}  // namespace glyph::gateway::cli
