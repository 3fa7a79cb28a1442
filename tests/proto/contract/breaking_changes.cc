#include "tests/proto/contract/breaking_changes.h"

#include <map>

#include "absl/strings/str_cat.h"

namespace glyph::contract {
namespace {

namespace pb = google::protobuf;

// Every element of a contract under its full name, with all that a client depends on as a text.
// "glyph.v1.Image.1" -> "data: TYPE_BYTES LABEL_OPTIONAL", and so on.
using Facts = std::map<std::string, std::string>;

void AddEnum(const std::string& scope, const pb::EnumDescriptorProto& type, Facts& facts) {
  const std::string name = absl::StrCat(scope, ".", type.name());
  facts[name] = "enum";
  for (const auto& value : type.value()) {
    facts[absl::StrCat(name, ".", value.number())] = value.name();
  }
}

void AddField(const std::string& message_name, const pb::DescriptorProto& message,
              const pb::FieldDescriptorProto& field, Facts& facts) {
  std::string fact =
      absl::StrCat(field.name(), ": ", pb::FieldDescriptorProto::Type_Name(field.type()), " ",
                   field.type_name(), " ", pb::FieldDescriptorProto::Label_Name(field.label()));
  if (field.proto3_optional()) {
    absl::StrAppend(&fact, " optional");
  } else if (field.has_oneof_index()) {
    absl::StrAppend(&fact, " in ", message.oneof_decl(field.oneof_index()).name());
  }
  facts[absl::StrCat(message_name, ".", field.number())] = fact;
}

void AddMessage(const std::string& scope, const pb::DescriptorProto& message, Facts& facts) {
  const std::string name = absl::StrCat(scope, ".", message.name());
  facts[name] = "message";
  for (const auto& field : message.field()) AddField(name, message, field, facts);
  for (const auto& nested : message.nested_type()) AddMessage(name, nested, facts);
  for (const auto& nested : message.enum_type()) AddEnum(name, nested, facts);
}

void AddService(const std::string& scope, const pb::ServiceDescriptorProto& service, Facts& facts) {
  const std::string name = absl::StrCat(scope, ".", service.name());
  facts[name] = "service";
  for (const auto& rpc : service.method()) {
    facts[absl::StrCat(name, "/", rpc.name())] =
        absl::StrCat(rpc.client_streaming() ? "stream " : "", rpc.input_type(), " -> ",
                     rpc.server_streaming() ? "stream " : "", rpc.output_type());
  }
}

Facts FactsOf(const pb::FileDescriptorSet& set) {
  Facts facts;
  for (const auto& file : set.file()) {
    for (const auto& message : file.message_type()) AddMessage(file.package(), message, facts);
    for (const auto& type : file.enum_type()) AddEnum(file.package(), type, facts);
    for (const auto& service : file.service()) AddService(file.package(), service, facts);
  }
  return facts;
}

}  // namespace

std::vector<std::string> BreakingChanges(const pb::FileDescriptorSet& baseline,
                                         const pb::FileDescriptorSet& current) {
  const Facts now = FactsOf(current);
  std::vector<std::string> breaks;
  for (const auto& [name, fact] : FactsOf(baseline)) {
    const auto found = now.find(name);
    if (found == now.end()) {
      breaks.push_back(absl::StrCat(name, " (", fact, ") is gone"));
    } else if (found->second != fact) {
      breaks.push_back(absl::StrCat(name, " was '", fact, "' and is now '", found->second, "'"));
    }
  }
  return breaks;
}

}  // namespace glyph::contract
