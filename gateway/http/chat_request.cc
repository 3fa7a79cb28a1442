#include "gateway/http/chat_request.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/http/chat_messages.h"
#include "gateway/http/generation_fields.h"
#include "gateway/http/json_fields.h"
#include "gateway/http/long_text.h"
#include "gateway/http/request_body.h"
#include "gateway/http/status_fields.h"
#include "gateway/routing/ask_validation.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

using Violations = std::vector<rpc::FieldViolation>;

struct RenderChoice {
  RenderMode mode = RenderMode::kAuto;
  int64_t threshold = kDefaultRenderThreshold;
};

void ReadMode(const std::string& mode, const std::string& path, RenderChoice& choice,
              Violations& violations) {
  if (mode == "auto" || mode == "always" || mode == "never") {
    choice.mode = mode == "auto"     ? RenderMode::kAuto
                  : mode == "always" ? RenderMode::kAlways
                                     : RenderMode::kNever;
    return;
  }
  violations.push_back({path, "RENDER_MODE_UNKNOWN",
                        absl::StrCat(path, " must be \"auto\", \"always\" or \"never\"")});
}

// `render`: a mode, or an object with `mode`, `threshold`, `profile` and `max_pages`.
RenderChoice ReadRender(const JsonFields& body, v1::RenderOptions& options,
                        Violations& violations) {
  RenderChoice choice;
  const nlohmann::json* render = body.Find("render");
  if (render == nullptr) return choice;
  if (render->is_string()) {
    ReadMode(*render, "render", choice, violations);
    return choice;
  }
  if (!render->is_object()) {
    AddWrongType("render", *render, "a string or an object", violations);
    return choice;
  }
  const JsonFields fields(*render, "render", violations);
  if (const std::string* mode = fields.String("mode")) {
    ReadMode(*mode, "render.mode", choice, violations);
  }
  constexpr auto kMaxThreshold = static_cast<int64_t>(kMaxSourceBytes);
  choice.threshold = fields.Integer("threshold", 0, kMaxThreshold).value_or(choice.threshold);
  ReadRenderOptions(fields, options);
  return choice;
}

void ReadStream(const JsonFields& body, ChatRequest& chat, Violations& violations) {
  chat.stream = body.Bool("stream").value_or(false);
  const nlohmann::json* options = body.Object("stream_options");
  if (options == nullptr) return;
  if (!chat.stream) {
    body.Add("stream_options", "STREAM_OPTIONS_WITHOUT_STREAM",
             "stream_options is allowed only with stream: true");
  }
  const JsonFields fields(*options, "stream_options", violations);
  chat.include_usage = fields.Bool("include_usage").value_or(false);
}

// Neighbouring texts become one part.
void AddPieces(std::vector<ChatPiece> pieces, ChatRequest& chat) {
  for (ChatPiece& piece : pieces) {
    v1::AskRequest& ask = chat.ask;
    const bool is_text = piece.kind == ChatPiece::Kind::kText;
    if (is_text && ask.parts_size() > 0 && ask.parts(ask.parts_size() - 1).has_text()) {
      ask.mutable_parts(ask.parts_size() - 1)->mutable_text()->append(piece.bytes);
      continue;
    }
    v1::AskPart& part = *ask.add_parts();
    if (is_text) {
      part.set_text(std::move(piece.bytes));
    } else if (piece.kind == ChatPiece::Kind::kImage) {
      part.mutable_image()->set_data(std::move(piece.bytes));
    } else {
      part.mutable_document()->set_text(std::move(piece.bytes));
    }
    chat.part_paths.push_back(std::move(piece.path));
  }
}

void ReadMessages(const JsonFields& body, const RenderChoice& render, ChatRequest& chat,
                  Violations& violations) {
  const nlohmann::json* messages = body.Array("messages");
  if (messages == nullptr || messages->empty()) {
    if (messages != nullptr || body.Find("messages") == nullptr) {
      body.Add("messages", "MESSAGES_EMPTY", "messages must hold at least one message");
    }
    return;
  }
  AddPieces(DrawLongTexts(ReadChatMessages(*messages, violations), render.mode, render.threshold),
            chat);
}

// A path of AskRequest as one of the body.
std::string ChatField(const std::string& field, const ChatRequest& chat) {
  absl::string_view path = field;
  if (absl::ConsumePrefix(&path, "generation.")) return std::string(path);
  if (absl::ConsumePrefix(&path, "parts[")) {
    size_t index = 0;
    const absl::string_view number = path.substr(0, path.find(']'));
    if (absl::SimpleAtoi(number, &index) && index < chat.part_paths.size()) {
      return chat.part_paths[index];
    }
  }
  return absl::StartsWith(field, "parts") ? "messages" : field;
}

}  // namespace

absl::StatusOr<ChatRequest> ParseChatRequest(std::string_view text) {
  GLYPH_ASSIGN_OR_RETURN(const nlohmann::json json, ParseRequestBody(text));
  ChatRequest chat;
  Violations violations;
  const JsonFields body(json, "", violations);
  if (const std::string* model = body.String("model")) chat.model = *model;
  ReadStream(body, chat, violations);
  ReadGeneration(body, *chat.ask.mutable_generation(), violations);
  const RenderChoice render = ReadRender(body, *chat.ask.mutable_render(), violations);
  ReadMessages(body, render, chat, violations);
  if (!violations.empty()) return rpc::InvalidArgument(std::move(violations));
  GLYPH_RETURN_IF_ERROR(WithChatFields(ValidateAsk(chat.ask), chat));
  return chat;
}

absl::Status WithChatFields(const absl::Status& status, const ChatRequest& request) {
  return WithField(status, [&request](absl::string_view field) {
    return ChatField(std::string(field), request);
  });
}

}  // namespace glyph::gateway
