#pragma once
#include "absl/status/status.h"
#include "grpcpp/support/status.h"

// The only place where absl::Status becomes grpc::Status and back.
namespace glyph::rpc {

// Code and message stay; details become google.rpc.ErrorInfo (domain "glyph"), BadRequest and
// RetryInfo. Statuses without a reason get one from their code, so that every error of ours carries
// ErrorInfo.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The reverse; unknown details are dropped.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace glyph::rpc
