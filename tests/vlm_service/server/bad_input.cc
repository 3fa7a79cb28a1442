#include "tests/vlm_service/server/bad_input.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {

BadCall BadStart(std::string name, const std::function<void(v1::GenerateStart&)>& edit,
                 std::string reason, const std::string& field) {
  v1::GenerateRequest request = StartRequest("hi", 2, 100);
  edit(*request.mutable_start());
  return {std::move(name),
          {request},
          absl::StatusCode::kInvalidArgument,
          std::move(reason),
          absl::StrCat("start.", field)};
}

absl::Status BadInputFixture::Run(const BadCall& call) {
  VlmClient client(stub());
  size_t num_offers = 0;
  for (const v1::GenerateRequest& message : call.messages) {
    if (!client.Send(message)) break;
    if (!message.has_offer()) continue;
    ++num_offers;
    client.ReadUntil([&](const Answer& answer) { return answer.decisions.size() == num_offers; });
  }
  client.HalfClose();
  return client.Finish().status;
}

void BadInputFixture::ExpectRefused(const std::vector<BadCall>& calls) {
  const auto leaks = testing::ContainsRegex("0x[0-9a-f]{6,}|/usr|/home|/work|[.]cc|[.]h:");
  const pid_t pid = getpid();
  for (const BadCall& call : calls) {
    SCOPED_TRACE(call.name);
    const absl::Status status = Run(call);
    const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
    EXPECT_EQ(status.code(), call.code) << status;
    EXPECT_EQ(details.reason, call.reason) << status;
    EXPECT_EQ(details.field, call.field) << status;
    EXPECT_THAT(std::string(status.message()), testing::Not(leaks));
  }
  EXPECT_TRUE(Ask(stub(), StartRequest("hi")).status.ok());  // alive, and nothing is lost
  EXPECT_EQ(getpid(), pid);
  ExpectNothingLeft();
}

}  // namespace glyph::vlm
