#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "gateway/http/json_text.h"
#include "gateway/http/think_filter.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// What stays the same over one answer.
struct ChatIdentity {
  std::string id;       // "chatcmpl-..."
  int64_t created = 0;  // seconds since 1970
  std::string model;
  int num_choices = 1;
  bool include_usage = false;  // in a stream
};

// An answer as the server-sent events of chat.completion.chunk: roles, deltas, finish reasons, on
// request the usage, [DONE]. Not thread-safe.
class ChatStream {
 public:
  explicit ChatStream(ChatIdentity identity);

  // The first events: every choice's role.
  std::string Start() const;
  // May be empty: text that may be a tag is held back.
  std::string Add(const v1::AskDelta& delta);
  // The last events.
  std::string Finish(const v1::AskFinished& finished);

 private:
  std::string Chunk(Json choices, const v1::AskFinished* finished) const;
  std::string Delta(uint32_t index, Json delta, const char* finish_reason) const;
  std::string Split(uint32_t index, ThinkSplit split) const;

  const ChatIdentity identity_;
  std::vector<ThinkFilter> filters_;  // of each choice
};

// The same answer as one chat.completion object. Not thread-safe.
class ChatCompletion {
 public:
  explicit ChatCompletion(ChatIdentity identity);

  // Forgets what was added.
  void Clear();
  void Add(const v1::AskDelta& delta);
  std::string Finish(const v1::AskFinished& finished);

 private:
  struct Choice {
    ThinkFilter filter;
    ThinkSplit text;
  };

  const ChatIdentity identity_;
  std::vector<Choice> choices_;
};

}  // namespace glyph::gateway
