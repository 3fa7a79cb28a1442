#pragma once
#include <string>

#include "gateway/http/http_message.h"

// Server-sent events as OpenAI's API writes them.
namespace glyph::gateway {

// The head of a stream, without a byte of it. Proxies are told not to hold it back.
inline HttpResponse SseHead() {
  return {200,
          "text/event-stream; charset=utf-8",
          "",
          {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}};
}

// One event; `line` holds no line break.
inline std::string SseData(const std::string& line) { return "data: " + line + "\n\n"; }

// The event after the last one.
inline std::string SseDone() { return SseData("[DONE]"); }

// A comment, which clients skip: the connection is seen to live.
inline std::string SsePing() { return ": ping\n\n"; }

}  // namespace glyph::gateway
