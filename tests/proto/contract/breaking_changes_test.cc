// The contract of the last release is proto/baseline.binpb. A release writes it anew:
//   cd proto && protoc --descriptor_set_out=baseline.binpb -I. glyph/v1/*.proto
#include "tests/proto/contract/breaking_changes.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proto/contract/descriptors.h"

namespace glyph::contract {
namespace {

namespace pb = google::protobuf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ContractTest, BreaksNoClientOfTheLastRelease) {
  EXPECT_EQ(absl::StrJoin(BreakingChanges(BaselineContract(), CurrentContract()), "\n"), "");
}

// A contract with one of everything.
pb::FileDescriptorSet SmallContract() {
  pb::FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_package("p");
  auto* message = file->add_message_type();
  message->set_name("M");
  message->add_oneof_decl()->set_name("o");
  for (int i = 1; i <= 2; ++i) {
    auto* field = message->add_field();
    field->set_name(absl::StrCat("f", i));
    field->set_number(i);
    field->set_type(pb::FieldDescriptorProto::TYPE_UINT32);
    field->set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
  }
  message->mutable_field(1)->set_oneof_index(0);
  auto* type = file->add_enum_type();
  type->set_name("E");
  type->add_value()->set_name("E_UNSPECIFIED");
  auto* rpc = file->add_service()->add_method();
  file->mutable_service(0)->set_name("S");
  rpc->set_name("R");
  rpc->set_input_type(".p.M");
  rpc->set_output_type(".p.M");
  return set;
}

struct Change {
  std::string expected;  // part of the one line it must give
  std::function<void(pb::FileDescriptorProto&)> apply;
};

TEST(BreakingChangesTest, FindsEachKindOfBreak) {
  const auto field = [](pb::FileDescriptorProto& file, int i) {
    return file.mutable_message_type(0)->mutable_field(i);
  };
  const auto rpc = [](pb::FileDescriptorProto& file) {
    return file.mutable_service(0)->mutable_method(0);
  };
  const std::vector<Change> changes = {
      {"p.M.2 (f2: TYPE_UINT32",
       [](auto& f) { f.mutable_message_type(0)->mutable_field()->RemoveLast(); }},
      {"p.M.1", [&](auto& f) { field(f, 0)->set_number(7); }},
      {"is now 'renamed:", [&](auto& f) { field(f, 0)->set_name("renamed"); }},
      {"TYPE_STRING",
       [&](auto& f) { field(f, 0)->set_type(pb::FieldDescriptorProto::TYPE_STRING); }},
      {"LABEL_REPEATED",
       [&](auto& f) { field(f, 0)->set_label(pb::FieldDescriptorProto::LABEL_REPEATED); }},
      {"optional'", [&](auto& f) { field(f, 0)->set_proto3_optional(true); }},
      {"in o' and", [&](auto& f) { field(f, 1)->clear_oneof_index(); }},
      {"p.E.0 (E_UNSPECIFIED) is gone", [](auto& f) { f.mutable_enum_type(0)->clear_value(); }},
      {"is now 'E_OTHER'",
       [](auto& f) { f.mutable_enum_type(0)->mutable_value(0)->set_name("E_OTHER"); }},
      {"p.S/R", [&](auto& f) { rpc(f)->set_name("Other"); }},
      {"stream .p.M'", [&](auto& f) { rpc(f)->set_server_streaming(true); }},
      {"'stream .p.M ->", [&](auto& f) { rpc(f)->set_client_streaming(true); }},
      {".p.N", [&](auto& f) { rpc(f)->set_input_type(".p.N"); }},
  };
  for (const Change& change : changes) {
    pb::FileDescriptorSet changed = SmallContract();
    change.apply(*changed.mutable_file(0));
    EXPECT_THAT(BreakingChanges(SmallContract(), changed), ElementsAre(HasSubstr(change.expected)));
  }
}

TEST(BreakingChangesTest, FindsWhatIsGoneAsAWhole) {
  pb::FileDescriptorSet nothing;
  nothing.add_file()->set_package("p");
  EXPECT_EQ(BreakingChanges(SmallContract(), nothing).size(), 7u);
}

TEST(BreakingChangesTest, AllowsAdditions) {
  pb::FileDescriptorSet larger = SmallContract();
  auto* file = larger.mutable_file(0);
  file->mutable_message_type(0)->add_field()->set_number(3);
  file->add_message_type()->set_name("N");
  file->mutable_enum_type(0)->add_value()->set_number(1);
  file->mutable_service(0)->add_method()->set_name("New");
  EXPECT_THAT(BreakingChanges(SmallContract(), larger), IsEmpty());
}

}  // namespace
}  // namespace glyph::contract
