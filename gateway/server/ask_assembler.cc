#include "gateway/server/ask_assembler.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/routing/ask_validation.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

// Where the bytes of `part` are gathered.
std::string& PartBytes(v1::AskPart& part) {
  if (part.has_document()) return *part.mutable_document()->mutable_text();
  if (part.has_image()) return *part.mutable_image()->mutable_data();
  return *part.mutable_text();
}

}  // namespace

absl::Status AskAssembler::Add(v1::AskStreamRequest message) {
  switch (message.message_case()) {
    case v1::AskStreamRequest::kStart:
      return AddStart(std::move(*message.mutable_start()));
    case v1::AskStreamRequest::kChunk:
      return AddChunk(message.chunk());
    case v1::AskStreamRequest::MESSAGE_NOT_SET:
      break;
  }
  return rpc::InvalidArgument("MESSAGE_NOT_SET", "message", "a message is neither start nor chunk");
}

absl::Status AskAssembler::AddStart(v1::AskRequest start) {
  if (request_) {
    return rpc::InvalidArgument("START_REPEATED", "start",
                                "start came twice; it comes first, once");
  }
  GLYPH_RETURN_IF_ERROR(ValidateAskStart(start));
  size_t bytes = 0;
  for (v1::AskPart& part : *start.mutable_parts()) bytes += PartBytes(part).size();
  GLYPH_RETURN_IF_ERROR(Hold(bytes));
  request_ = std::move(start);
  return absl::OkStatus();
}

absl::Status AskAssembler::AddChunk(const v1::AskPartChunk& chunk) {
  if (!request_) {
    return rpc::InvalidArgument("START_MISSING", "start", "a chunk came before start");
  }
  const uint32_t part = chunk.part_index();
  if (part >= static_cast<uint32_t>(request_->parts_size()) || part < last_part_) {
    return rpc::InvalidArgument(
        "PART_INDEX_OUT_OF_RANGE", "chunk.part_index",
        absl::StrCat("chunk.part_index is ", part, "; it must lie in [", last_part_, ", ",
                     request_->parts_size() - 1, "], parts are filled in order"));
  }
  if (chunk.data().size() > kMaxChunkBytes) {
    return rpc::InvalidArgument("CHUNK_TOO_LARGE", "chunk.data",
                                absl::StrCat("chunk.data has ", chunk.data().size(),
                                             " bytes; at most ", kMaxChunkBytes, " are allowed"));
  }
  GLYPH_RETURN_IF_ERROR(Hold(chunk.data().size()));
  last_part_ = part;
  PartBytes(*request_->mutable_parts(static_cast<int>(part))).append(chunk.data());
  return absl::OkStatus();
}

absl::Status AskAssembler::Hold(size_t bytes) {
  num_bytes_ += bytes;
  if (num_bytes_ > kMaxStreamedBytes) {
    return rpc::InvalidArgument(
        "INPUT_TOO_LARGE", "parts",
        absl::StrCat("the parts have more than ", kMaxStreamedBytes, " bytes; send less"));
  }
  if (held_.Grow(bytes)) return absl::OkStatus();
  return rpc::ResourceExhausted("INPUT_MEMORY_FULL", absl::Seconds(5),
                                "the gateway holds as many bytes of large requests as it may; try "
                                "again in a moment");
}

absl::StatusOr<v1::AskRequest> AskAssembler::Finish() {
  if (!request_) {
    return rpc::InvalidArgument("START_MISSING", "start", "the stream ended without a start");
  }
  GLYPH_RETURN_IF_ERROR(ValidateAsk(*request_));
  return *std::move(request_);
}

}  // namespace glyph::gateway
