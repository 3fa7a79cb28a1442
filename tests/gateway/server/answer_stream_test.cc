#include "gateway/server/answer_stream.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

class AnswerStreamTest : public ::testing::Test {
 protected:
  static v1::AskResponse Delta(const std::string& text, uint32_t id = 1) {
    v1::AskResponse event;
    event.mutable_delta()->set_text(text);
    event.mutable_delta()->add_token_ids(id);
    return event;
  }
  static v1::AskResponse Page() {
    v1::AskResponse event;
    event.mutable_page()->set_stage(v1::PAGE_STAGE_DRAWN);
    return event;
  }

  std::vector<v1::AskResponse> written_;
  std::vector<absl::Status> finished_;
  AnswerStream stream_{{[this](const v1::AskResponse& event) { written_.push_back(event); },
                        [this](const absl::Status& status) { finished_.push_back(status); }}};
};

TEST_F(AnswerStreamTest, HasOneWriteInFlight) {
  stream_.Emit(Page());
  stream_.Emit(Page());
  EXPECT_EQ(written_.size(), 1u);
  stream_.OnWritten(true);
  EXPECT_EQ(written_.size(), 2u);
}

TEST_F(AnswerStreamTest, MergesDeltasThatWait) {
  stream_.Emit(Delta("a", 1));
  stream_.Emit(Delta("b", 2));
  stream_.Emit(Delta("c", 3));
  stream_.OnWritten(true);

  ASSERT_EQ(written_.size(), 2u);
  EXPECT_EQ(written_[1].delta().text(), "bc");
  EXPECT_THAT(written_[1].delta().token_ids(), ::testing::ElementsAre(2, 3));
}

TEST_F(AnswerStreamTest, MergesNoDeltasAcrossAnotherEvent) {
  stream_.Emit(Page());
  stream_.Emit(Delta("a"));
  stream_.Emit(Page());
  stream_.Emit(Delta("b"));
  while (written_.size() < 4) stream_.OnWritten(true);

  EXPECT_EQ(written_[1].delta().text(), "a");
  EXPECT_EQ(written_[3].delta().text(), "b");
}

TEST_F(AnswerStreamTest, MergesDeltasUpToTheirLimit) {
  stream_.Emit(Page());
  stream_.Emit(Delta(std::string(AnswerStream::kMaxDeltaBytes - 1, 'x')));
  stream_.Emit(Delta("y"));
  stream_.Emit(Delta("z"));
  stream_.OnWritten(true);
  stream_.OnWritten(true);

  EXPECT_EQ(written_[1].delta().text().size(), AnswerStream::kMaxDeltaBytes);
  EXPECT_EQ(written_[2].delta().text(), "z");
}

TEST_F(AnswerStreamTest, MergesDeltasOfTheSameSample) {
  const auto delta = [](uint32_t sample, const std::string& text) {
    v1::AskResponse event = Delta(text);
    event.mutable_delta()->set_sample(sample);
    return event;
  };
  stream_.Emit(Page());
  for (const char* text : {"a", "b"}) {
    for (const uint32_t sample : {0u, 1u, 2u}) stream_.Emit(delta(sample, text));
  }
  for (int i = 0; i < 4; ++i) stream_.OnWritten(true);

  ASSERT_EQ(written_.size(), 4u);
  for (uint32_t sample = 0; sample < 3; ++sample) {
    EXPECT_EQ(written_[sample + 1].delta().sample(), sample);
    EXPECT_EQ(written_[sample + 1].delta().text(), "ab");
  }
}

TEST_F(AnswerStreamTest, MergesLogprobsUpToTheirLimit) {
  v1::AskResponse event = Delta("a");
  event.mutable_delta()->add_logprobs()->set_logprob(-1);
  stream_.Emit(Page());
  for (int i = 0; i < AnswerStream::kMaxDeltaLogprobs + 1; ++i) stream_.Emit(event);
  stream_.OnWritten(true);
  stream_.OnWritten(true);

  ASSERT_EQ(written_.size(), 3u);
  EXPECT_EQ(written_[1].delta().logprobs_size(), AnswerStream::kMaxDeltaLogprobs);
  EXPECT_EQ(written_[1].delta().token_ids_size(), AnswerStream::kMaxDeltaLogprobs);
  EXPECT_EQ(written_[2].delta().logprobs_size(), 1);
}

TEST_F(AnswerStreamTest, FinishesAfterEverythingIsWritten) {
  stream_.Emit(Page());
  stream_.Emit(Delta("a"));
  stream_.End(absl::OkStatus());
  stream_.OnWritten(true);
  EXPECT_TRUE(finished_.empty());
  stream_.OnWritten(true);
  EXPECT_EQ(finished_.size(), 1u);
}

TEST_F(AnswerStreamTest, FinishesOnceAndTakesNothingMore) {
  stream_.End(absl::InternalError("first"));
  stream_.End(absl::OkStatus());
  stream_.Emit(Page());

  ASSERT_EQ(finished_.size(), 1u);
  EXPECT_EQ(finished_[0].message(), "first");
  EXPECT_TRUE(written_.empty());
}

TEST_F(AnswerStreamTest, DropsTheQueueOfAClientThatIsGone) {
  stream_.Emit(Page());
  stream_.Emit(Page());
  stream_.OnWritten(false);
  stream_.Emit(Page());
  EXPECT_EQ(written_.size(), 1u);
  stream_.End(absl::CancelledError());
  EXPECT_EQ(finished_.size(), 1u);
}

TEST_F(AnswerStreamTest, IsCongestedWhileTooMuchWaitsAndSaysWhenNoLonger) {
  v1::AskResponse strip;
  strip.mutable_strip()->set_pixels(std::string(AnswerStream::kCongestedBytes, 'p'));
  stream_.Emit(Page());
  EXPECT_FALSE(stream_.congested());
  stream_.Emit(strip);
  EXPECT_TRUE(stream_.congested());
  EXPECT_TRUE(stream_.OnWritten(true));
  EXPECT_FALSE(stream_.congested());
  EXPECT_FALSE(stream_.OnWritten(true));
}

}  // namespace
}  // namespace glyph::gateway
