#include "gateway/http/chat_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/http/data_url.h"
#include "gateway/http/json_fields.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway {
namespace {

using Violations = std::vector<rpc::FieldViolation>;

// The name a speaker gets in a flattened conversation; nullptr for unknown roles.
const char* SpeakerOf(const std::string& role) {
  if (role == "user") return "User";
  if (role == "assistant") return "Assistant";
  if (role == "system" || role == "developer") return "System";
  return nullptr;
}

// Reads the pieces of one message after another.
class MessageReader {
 public:
  explicit MessageReader(Violations& violations) : violations_(violations) {}

  void Read(const nlohmann::json& message, const std::string& path, bool names_speakers) {
    if (!message.is_object()) return AddWrongType(path, message, "an object", violations_);
    const JsonFields fields(message, path, violations_);
    const std::string* role = fields.String("role");
    const char* speaker = role == nullptr ? nullptr : SpeakerOf(*role);
    if (speaker == nullptr) {
      fields.Add("role", "ROLE_UNKNOWN",
                 absl::StrCat(fields.PathOf("role"),
                              " must be \"system\", \"developer\", \"user\" or \"assistant\""));
      return;
    }
    is_user_ = *role == "user";
    const bool follows_text = !pieces_.empty() && pieces_.back().kind == ChatPiece::Kind::kText;
    std::string lead = follows_text ? "\n\n" : "";
    if (names_speakers) absl::StrAppend(&lead, speaker, ": ");
    if (!lead.empty()) {
      pieces_.push_back({.bytes = std::move(lead), .path = path, .is_user = false});
    }
    ReadContent(fields, *role == "assistant");
  }

  std::vector<ChatPiece> Take() { return std::move(pieces_); }

 private:
  void ReadContent(const JsonFields& fields, bool may_be_null) {
    const nlohmann::json* content = fields.Find("content");
    const std::string path = fields.PathOf("content");
    if (content == nullptr) {
      if (!may_be_null) fields.Add("content", "CONTENT_MISSING", path + " must not be null");
      return;
    }
    if (content->is_string()) return Add(ChatPiece::Kind::kText, *content, path);
    if (!content->is_array()) {
      return AddWrongType(path, *content, "a string or an array of parts", violations_);
    }
    if (content->empty()) fields.Add("content", "CONTENT_EMPTY", path + " must not be empty");
    for (size_t i = 0; i < content->size(); ++i) {
      ReadPart((*content)[i], absl::StrCat(path, "[", i, "]"));
    }
  }

  void ReadPart(const nlohmann::json& part, const std::string& path) {
    if (!part.is_object()) return AddWrongType(path, part, "an object", violations_);
    const JsonFields fields(part, path, violations_);
    const std::string* type = fields.String("type");
    if (type != nullptr && *type == "text") {
      ReadText(fields, ChatPiece::Kind::kText);
    } else if (type != nullptr && *type == "document") {
      if (const nlohmann::json* document = Wanted(fields, "document")) {
        ReadText({*document, path + ".document", violations_}, ChatPiece::Kind::kDocument);
      }
    } else if (type != nullptr && *type == "image_url") {
      if (const nlohmann::json* image = Wanted(fields, "image_url")) {
        ReadImage({*image, path + ".image_url", violations_});
      }
    } else {
      fields.Add(
          "type", "PART_TYPE_UNSUPPORTED",
          absl::StrCat(fields.PathOf("type"), " must be \"text\", \"document\" or \"image_url\""));
    }
  }

  // The object `name`, which must be there.
  const nlohmann::json* Wanted(const JsonFields& fields, const char* name) {
    const nlohmann::json* object = fields.Object(name);
    if (object == nullptr && fields.Find(name) == nullptr) AddMissing(fields, name);
    return object;
  }

  void ReadText(const JsonFields& fields, ChatPiece::Kind kind) {
    const std::string* text = fields.String("text");
    if (text != nullptr) return Add(kind, *text, fields.PathOf("text"));
    if (fields.Find("text") == nullptr) AddMissing(fields, "text");
  }

  void ReadImage(const JsonFields& fields) {
    const std::string* url = fields.String("url");
    if (url == nullptr) {
      if (fields.Find("url") == nullptr) AddMissing(fields, "url");
      return;
    }
    absl::StatusOr<std::string> image = DecodeImageUrl(*url);
    if (image.ok()) return Add(ChatPiece::Kind::kImage, *std::move(image), fields.PathOf("url"));
    fields.Add("url", rpc::GetErrorDetails(image.status()).reason,
               std::string(image.status().message()));
  }

  static void AddMissing(const JsonFields& fields, const char* name) {
    fields.Add(name, "FIELD_MISSING", fields.PathOf(name) + " is missing");
  }

  void Add(ChatPiece::Kind kind, std::string bytes, const std::string& path) {
    pieces_.push_back({.kind = kind, .bytes = std::move(bytes), .path = path, .is_user = is_user_});
  }

  Violations& violations_;
  std::vector<ChatPiece> pieces_;
  bool is_user_ = true;  // of the message being read
};

bool HasAssistant(const nlohmann::json& messages) {
  for (const nlohmann::json& message : messages) {
    if (!message.is_object()) continue;
    const auto role = message.find("role");
    if (role != message.end() && *role == "assistant") return true;
  }
  return false;
}

}  // namespace

std::vector<ChatPiece> ReadChatMessages(const nlohmann::json& messages, Violations& violations) {
  MessageReader reader(violations);
  const bool names_speakers = HasAssistant(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    reader.Read(messages[i], absl::StrCat("messages[", i, "]"), names_speakers);
  }
  return reader.Take();
}

}  // namespace glyph::gateway
