#include "gateway/server/ask_assembler.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

// As gateway.proto states them, bytes.
constexpr size_t kOneChunk = 1 << 20;
constexpr size_t kOneDocument = 16 << 20;
constexpr size_t kAllParts = 256 << 20;

class AskAssemblerTest : public ::testing::Test {
 protected:
  static v1::AskStreamRequest Start() {
    v1::AskStreamRequest message;
    v1::AskRequest& start = *message.mutable_start();
    start.add_parts()->mutable_document();
    start.add_parts()->mutable_image();
    start.add_parts()->set_text("What");
    return message;
  }
  static v1::AskStreamRequest Chunk(uint32_t part, const std::string& data) {
    v1::AskStreamRequest message;
    message.mutable_chunk()->set_part_index(part);
    message.mutable_chunk()->set_data(data);
    return message;
  }
  // A start of 17 documents, and chunks that put `num_bytes` into the first ones, each filled to
  // its own bound.
  static void FillDocuments(AskAssembler& assembler, size_t num_bytes) {
    v1::AskStreamRequest start;
    for (int i = 0; i < 17; ++i) start.mutable_start()->add_parts()->mutable_document();
    ASSERT_TRUE(assembler.Add(start).ok());
    for (size_t sent = 0; sent < num_bytes; sent += kOneChunk) {
      const std::string data(std::min(kOneChunk, num_bytes - sent), 'x');
      const auto part = static_cast<uint32_t>(sent / kOneDocument);
      ASSERT_TRUE(assembler.Add(Chunk(part, data)).ok()) << "after " << sent << " bytes";
    }
  }
  static size_t NumDocumentBytes(const v1::AskRequest& request) {
    size_t num_bytes = 0;
    for (const v1::AskPart& part : request.parts()) num_bytes += part.document().text().size();
    return num_bytes;
  }
  std::string ReasonOf(const absl::Status& status) { return rpc::GetErrorDetails(status).reason; }

  ByteBudget budget_{size_t{1} << 30};
  AskAssembler assembler_{budget_};
};

TEST_F(AskAssemblerTest, AppendsChunksToTheirParts) {
  ASSERT_TRUE(assembler_.Add(Start()).ok());
  ASSERT_TRUE(assembler_.Add(Chunk(0, "long ")).ok());
  ASSERT_TRUE(assembler_.Add(Chunk(0, "text")).ok());
  ASSERT_TRUE(assembler_.Add(Chunk(1, "png")).ok());
  ASSERT_TRUE(assembler_.Add(Chunk(2, " is it?")).ok());

  const auto request = assembler_.Finish();
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->parts(0).document().text(), "long text");
  EXPECT_EQ(request->parts(1).image().data(), "png");
  EXPECT_EQ(request->parts(2).text(), "What is it?");
}

TEST_F(AskAssemblerTest, RefusesMessagesOutOfOrder) {
  EXPECT_EQ(ReasonOf(assembler_.Add(Chunk(0, "x"))), "START_MISSING");
  EXPECT_EQ(ReasonOf(assembler_.Finish().status()), "START_MISSING");
  EXPECT_EQ(ReasonOf(assembler_.Add(v1::AskStreamRequest())), "MESSAGE_NOT_SET");
  ASSERT_TRUE(assembler_.Add(Start()).ok());
  EXPECT_EQ(ReasonOf(assembler_.Add(Start())), "START_REPEATED");
}

TEST_F(AskAssemblerTest, RefusesPartsThatDoNotExistOrAreDone) {
  ASSERT_TRUE(assembler_.Add(Start()).ok());
  EXPECT_EQ(ReasonOf(assembler_.Add(Chunk(3, "x"))), "PART_INDEX_OUT_OF_RANGE");
  ASSERT_TRUE(assembler_.Add(Chunk(1, "x")).ok());
  EXPECT_EQ(ReasonOf(assembler_.Add(Chunk(0, "x"))), "PART_INDEX_OUT_OF_RANGE");
}

TEST_F(AskAssemblerTest, BoundsAChunk) {
  ASSERT_TRUE(assembler_.Add(Start()).ok());
  EXPECT_TRUE(assembler_.Add(Chunk(0, std::string(kOneChunk, 'x'))).ok());
  const absl::Status status = assembler_.Add(Chunk(0, std::string(kOneChunk + 1, 'x')));
  EXPECT_EQ(ReasonOf(status), "CHUNK_TOO_LARGE");
  EXPECT_EQ(rpc::GetErrorDetails(status).field, "chunk.data");
}

TEST_F(AskAssemblerTest, TakesAllPartsTogetherUpToTheLastAllowedByte) {
  for (const size_t num_bytes : {kAllParts - 1, kAllParts}) {
    AskAssembler assembler(budget_);
    FillDocuments(assembler, num_bytes);
    const auto request = assembler.Finish();
    ASSERT_TRUE(request.ok()) << num_bytes << ": " << request.status();
    EXPECT_EQ(NumDocumentBytes(*request), num_bytes);
  }
}

TEST_F(AskAssemblerTest, RefusesTheFirstByteAboveTheBoundOfAllParts) {
  FillDocuments(assembler_, kAllParts);
  const absl::Status status = assembler_.Add(Chunk(16, "x"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INPUT_TOO_LARGE");
  EXPECT_EQ(rpc::GetErrorDetails(status).field, "parts");
}

TEST_F(AskAssemblerTest, RefusesWhatTheGatewayHasNoRoomFor) {
  ByteBudget small(3);
  AskAssembler assembler(small);
  ASSERT_FALSE(assembler.Add(Start()).ok());  // "What"
  v1::AskStreamRequest start = Start();
  start.mutable_start()->mutable_parts(2)->set_text("Wha");
  ASSERT_TRUE(assembler.Add(start).ok());
  const absl::Status status = assembler.Add(Chunk(0, "t"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(rpc::GetErrorDetails(status).retry_after.has_value());
}

TEST_F(AskAssemblerTest, ChecksTheStartAtOnceAndThePartsAtTheEnd) {
  v1::AskStreamRequest bad = Start();
  bad.mutable_start()->mutable_generation()->set_temperature(3);
  EXPECT_EQ(ReasonOf(assembler_.Add(bad)), "TEMPERATURE_OUT_OF_RANGE");
  ASSERT_TRUE(assembler_.Add(Start()).ok());
  EXPECT_EQ(ReasonOf(assembler_.Finish().status()), "IMAGE_EMPTY");
}

}  // namespace
}  // namespace glyph::gateway
