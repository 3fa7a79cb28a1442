#include "vlm_service/engine/request_door.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

TEST(RequestDoor, LetsInAsManyAsMayWait) {
  RequestDoor door(2);
  EXPECT_TRUE(door.Enter("a").ok());
  EXPECT_TRUE(door.Enter("b").ok());
  const absl::Status full = door.Enter("c");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(full).reason, "QUEUE_FULL");
  EXPECT_TRUE(rpc::GetErrorDetails(full).retry_after.has_value());
  EXPECT_EQ(door.num_waiting(), 2);
}

TEST(RequestDoor, MakesRoomWhenARequestIsAdmittedOrLeaves) {
  RequestDoor door(1);
  ASSERT_TRUE(door.Enter("a").ok());
  door.Admit("a");
  EXPECT_TRUE(door.Enter("b").ok());
  door.Leave("b");
  EXPECT_TRUE(door.Enter("c").ok());
}

TEST(RequestDoor, RefusesAnIdUntilItsRequestHasLeft) {
  RequestDoor door(9);
  ASSERT_TRUE(door.Enter("a").ok());
  EXPECT_EQ(door.Enter("a").code(), absl::StatusCode::kAlreadyExists);
  door.Admit("a");
  EXPECT_EQ(door.Enter("a").code(), absl::StatusCode::kAlreadyExists);
  door.Leave("a");
  EXPECT_TRUE(door.Enter("a").ok());
}

TEST(RequestDoor, StaysClosedWithItsFirstReason) {
  RequestDoor door(9);
  ASSERT_TRUE(door.Enter("a").ok());
  door.Close(absl::UnavailableError("first"));
  door.Close(absl::InternalError("second"));
  EXPECT_EQ(door.Enter("b").message(), "first");
  door.Leave("a");
  EXPECT_EQ(door.num_waiting(), 0);
}

}  // namespace
}  // namespace glyph::vlm
