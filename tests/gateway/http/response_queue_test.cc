#include "gateway/http/response_queue.h"

#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ResponseQueueTest : public ::testing::Test {
 protected:
  void Open(ResponseQueue::Options options) {
    queue_.emplace(std::move(options), [this] { ++num_wakes_; });
  }
  static HttpResponse Text(const std::string& body) { return {200, "text/plain", body, {}}; }

  int num_wakes_ = 0;
  std::optional<ResponseQueue> queue_;
};

TEST_F(ResponseQueueTest, SendsAWholeAnswerWithItsLength) {
  Open({.request_id = "a-1"});
  queue_->Send({404, "application/json", "{}", {{"Retry-After", "2"}}});
  const std::string bytes = queue_->Take();

  EXPECT_EQ(num_wakes_, 1);
  EXPECT_TRUE(queue_->ended());
  EXPECT_TRUE(queue_->keep_alive());
  EXPECT_EQ(bytes,
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nRetry-After: 2\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nx-request-id: a-1\r\n"
            "Content-Length: 2\r\n\r\n{}");
}

TEST_F(ResponseQueueTest, StreamsInChunksAndSaysWhereTheyEnd) {
  Open({});
  queue_->Begin(Text("first"));
  EXPECT_THAT(queue_->Take(), EndsWith("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
  queue_->Write("0123456789abcdef");
  queue_->Write("");
  EXPECT_FALSE(queue_->ended());
  queue_->Finish(true);
  EXPECT_EQ(queue_->Take(), "10\r\n0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_TRUE(queue_->keep_alive());
}

TEST_F(ResponseQueueTest, BreaksTheConnectionOfAnIncompleteStream) {
  Open({});
  queue_->Begin(Text("x"));
  queue_->Finish(false);
  EXPECT_THAT(queue_->Take(), EndsWith("1\r\nx\r\n"));
  EXPECT_FALSE(queue_->keep_alive());
}

TEST_F(ResponseQueueTest, EndsAStreamOfHttp10WithTheConnection) {
  Open({.is_http10 = true});
  queue_->Begin(Text("first"));
  queue_->Write(" second");
  queue_->Finish(true);
  const std::string bytes = queue_->Take();
  EXPECT_THAT(bytes, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(bytes, EndsWith("Connection: close\r\n\r\nfirst second"));
  EXPECT_FALSE(queue_->keep_alive());
}

TEST_F(ResponseQueueTest, AnswersHeadWithoutBody) {
  Open({.is_head = true});
  queue_->Send(Text("four"));
  EXPECT_THAT(queue_->Take(), EndsWith("Content-Length: 4\r\n\r\n"));
}

TEST_F(ResponseQueueTest, TakesOneAnswerOnly) {
  Open({});
  queue_->Send(Text("a"));
  queue_->Send(Text("b"));
  queue_->Begin(Text("c"));
  queue_->Write("d");
  EXPECT_THAT(queue_->Take(), EndsWith("\r\n\r\na"));
  EXPECT_THAT(queue_->Take(), "");
}

TEST_F(ResponseQueueTest, IsCongestedAboveItsLimitUntilTheBytesAreWritten) {
  Open({});
  queue_->Begin(Text(""));
  const size_t head_bytes = queue_->Take().size();
  EXPECT_FALSE(queue_->OnWritten());
  ASSERT_GT(head_bytes, 0u);
  constexpr size_t kFrame = 5 + 2 + 2;  // "3fff7", line breaks
  queue_->Write(std::string(ResponseQueue::kCongestedBytes - kFrame, 'x'));
  EXPECT_FALSE(queue_->congested());
  queue_->Write("y");
  EXPECT_TRUE(queue_->congested());
  queue_->Take();
  EXPECT_TRUE(queue_->congested());  // taken is not written
  EXPECT_TRUE(queue_->OnWritten());
  EXPECT_FALSE(queue_->congested());
}

TEST_F(ResponseQueueTest, WakesTheWriterOnceForWhatWaitsTogether) {
  Open({});
  queue_->Begin(Text("a"));
  queue_->Write("b");
  queue_->Write("c");
  EXPECT_EQ(num_wakes_, 1);
  queue_->Take();
  queue_->Write("d");
  EXPECT_EQ(num_wakes_, 2);
}

TEST_F(ResponseQueueTest, DropsEverythingOnceTheClientIsGone) {
  Open({});
  queue_->Begin(Text("a"));
  queue_->Detach();
  queue_->Write("b");
  queue_->Finish(true);
  EXPECT_EQ(queue_->Take(), "");
  EXPECT_EQ(num_wakes_, 1);
  EXPECT_FALSE(queue_->congested());
}

}  // namespace
}  // namespace glyph::gateway
