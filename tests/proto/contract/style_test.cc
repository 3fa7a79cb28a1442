// Google API style, as far as a machine can see it. Each rule returns the full names that break it.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "tests/proto/contract/descriptors.h"

namespace glyph::contract {
namespace {

namespace pb = google::protobuf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A file of the contract or of a test, with everything it imports.
class Contract {
 public:
  explicit Contract(const pb::FileDescriptorSet& set) {
    for (const auto& file : set.file()) {
      const pb::FileDescriptor* built = pool_.BuildFile(file);
      EXPECT_NE(built, nullptr) << file.name();
      if (built != nullptr) files_.push_back(built);
    }
  }
  const std::vector<const pb::FileDescriptor*>& files() const { return files_; }

 private:
  pb::DescriptorPool pool_;
  std::vector<const pb::FileDescriptor*> files_;
};

template <typename Descriptor>
void CheckComment(const Descriptor* descriptor, std::vector<std::string>& uncommented) {
  pb::SourceLocation location;
  if (!descriptor->GetSourceLocation(&location) ||
      absl::StripAsciiWhitespace(location.leading_comments).empty()) {
    uncommented.push_back(descriptor->full_name());
  }
}

void CheckEnumComments(const pb::EnumDescriptor* type, std::vector<std::string>& uncommented) {
  CheckComment(type, uncommented);
  for (int i = 0; i < type->value_count(); ++i) CheckComment(type->value(i), uncommented);
}

void CheckMessageComments(const pb::Descriptor* message, std::vector<std::string>& uncommented) {
  CheckComment(message, uncommented);
  for (int i = 0; i < message->field_count(); ++i) CheckComment(message->field(i), uncommented);
  for (int i = 0; i < message->real_oneof_decl_count(); ++i) {
    CheckComment(message->oneof_decl(i), uncommented);
  }
  for (int i = 0; i < message->nested_type_count(); ++i) {
    CheckMessageComments(message->nested_type(i), uncommented);
  }
  for (int i = 0; i < message->enum_type_count(); ++i) {
    CheckEnumComments(message->enum_type(i), uncommented);
  }
}

std::vector<std::string> Uncommented(const Contract& contract) {
  std::vector<std::string> names;
  for (const auto* file : contract.files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      CheckMessageComments(file->message_type(i), names);
    }
    for (int i = 0; i < file->enum_type_count(); ++i) CheckEnumComments(file->enum_type(i), names);
    for (int i = 0; i < file->service_count(); ++i) {
      CheckComment(file->service(i), names);
      for (int k = 0; k < file->service(i)->method_count(); ++k) {
        CheckComment(file->service(i)->method(k), names);
      }
    }
  }
  return names;
}

// "PixelFormat" -> "PIXEL_FORMAT_".
std::string ValuePrefix(const std::string& enum_name) {
  std::string prefix;
  for (const char c : enum_name) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(c);
  }
  return prefix + '_';
}

// Enum values carry the enum's name, and 0 is NAME_UNSPECIFIED.
std::vector<std::string> BadEnumValues(const Contract& contract) {
  std::vector<std::string> names;
  for (const auto* file : contract.files()) {
    for (int i = 0; i < file->enum_type_count(); ++i) {
      const pb::EnumDescriptor* type = file->enum_type(i);
      const std::string prefix = ValuePrefix(type->name());
      for (int k = 0; k < type->value_count(); ++k) {
        const pb::EnumValueDescriptor* value = type->value(k);
        const bool is_unspecified = value->name() == prefix + "UNSPECIFIED";
        if (!absl::StartsWith(value->name(), prefix) || is_unspecified != (value->number() == 0)) {
          names.push_back(value->full_name());
        }
      }
    }
  }
  return names;
}

// Rpc R takes RRequest and returns RResponse. AskStream is Ask with its bytes in chunks, so it
// answers with Ask's events.
std::vector<std::string> BadRpcTypes(const Contract& contract) {
  std::vector<std::string> names;
  for (const auto* file : contract.files()) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k) {
        const pb::MethodDescriptor* rpc = file->service(i)->method(k);
        const std::string answer = rpc->name() == "AskStream" ? "Ask" : rpc->name();
        if (rpc->input_type()->name() != rpc->name() + "Request" ||
            rpc->output_type()->name() != answer + "Response") {
          names.push_back(rpc->full_name());
        }
      }
    }
  }
  return names;
}

std::vector<std::string> BadFieldNames(const Contract& contract) {
  std::vector<std::string> names;
  for (const auto* file : contract.files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const pb::Descriptor* message = file->message_type(i);
      for (int k = 0; k < message->field_count(); ++k) {
        const std::string& name = message->field(k)->name();
        if (name != absl::AsciiStrToLower(name) || name.front() == '_' || name.back() == '_') {
          names.push_back(message->field(k)->full_name());
        }
      }
    }
  }
  return names;
}

TEST(ContractStyleTest, EverySymbolHasAComment) {
  EXPECT_THAT(Uncommented(Contract(CurrentContract())), IsEmpty());
}

TEST(ContractStyleTest, EnumValuesCarryTheirEnumsNameAndZeroIsUnspecified) {
  EXPECT_THAT(BadEnumValues(Contract(CurrentContract())), IsEmpty());
}

TEST(ContractStyleTest, RpcsHaveRequestsAndResponsesOfTheirOwn) {
  EXPECT_THAT(BadRpcTypes(Contract(CurrentContract())), IsEmpty());
}

TEST(ContractStyleTest, FieldNamesAreLowerSnakeCase) {
  EXPECT_THAT(BadFieldNames(Contract(CurrentContract())), IsEmpty());
}

TEST(ContractStyleTest, EveryFileIsOfThePackage) {
  const pb::FileDescriptorSet contract = CurrentContract();
  for (const auto& file : contract.file()) {
    EXPECT_EQ(file.package(), "glyph.v1") << file.name();
    EXPECT_EQ(file.syntax(), "proto3") << file.name();
  }
}

// The rules find what they are for.
TEST(ContractStyleTest, RulesFindAContractThatBreaksThem) {
  pb::FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_name("bad.proto");
  file->set_package("p");
  file->set_syntax("proto3");
  auto* message = file->add_message_type();
  message->set_name("M");
  auto* field = message->add_field();
  field->set_name("badName");
  field->set_number(1);
  field->set_type(pb::FieldDescriptorProto::TYPE_BOOL);
  auto* type = file->add_enum_type();
  type->set_name("PageKind");
  type->add_value()->set_name("PAGE_KIND_NONE");
  auto* service = file->add_service();
  service->set_name("S");
  auto* rpc = service->add_method();
  rpc->set_name("R");
  rpc->set_input_type(".p.M");
  rpc->set_output_type(".p.M");

  const Contract contract(set);
  EXPECT_THAT(Uncommented(contract),
              ElementsAre("p.M", "p.M.badName", "p.PageKind", "p.PAGE_KIND_NONE", "p.S", "p.S.R"));
  EXPECT_THAT(BadEnumValues(contract), ElementsAre("p.PAGE_KIND_NONE"));
  EXPECT_THAT(BadRpcTypes(contract), ElementsAre("p.S.R"));
  EXPECT_THAT(BadFieldNames(contract), ElementsAre("p.M.badName"));
}

}  // namespace
}  // namespace glyph::contract
