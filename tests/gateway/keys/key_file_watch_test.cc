#include "gateway/keys/key_file_watch.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

class KeyFileWatchTest : public ::testing::Test {
 protected:
  ~KeyFileWatchTest() override {
    watch_.reset();
    std::filesystem::remove(path_);
  }

  static std::string Line(const std::string& key) {
    return "alice " + base::ToHex(base::Sha256().Update(key).Finish()) + "\n";
  }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  // Polls only when the test does, unless told otherwise.
  absl::Status Start(absl::Duration interval = absl::Hours(1)) {
    auto watch = KeyFileWatch::Start(path_, keys_, metrics_, interval);
    if (watch.ok()) watch_ = *std::move(watch);
    return watch.status();
  }
  bool Knows(const std::string& key) { return keys_.Authenticate({"Bearer " + key}).ok(); }
  double Reloads(const std::string& outcome) {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "glyph_key_file_reloads_total") continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label[0].value == outcome) return metric.counter.value;
      }
    }
    return -1;
  }

  const std::string path_ =
      ::testing::TempDir() + "key_file_watch_test_" + std::to_string(getpid());
  prometheus::Registry registry_;
  KeyMetrics metrics_{registry_};
  KeyRing keys_{std::chrono::steady_clock::now, metrics_};
  std::unique_ptr<KeyFileWatch> watch_;
};

TEST_F(KeyFileWatchTest, DoesNotStartWithABrokenFile) {
  EXPECT_EQ(rpc::GetErrorDetails(Start()).reason, "KEY_FILE_UNREADABLE");
  Write("alice\n");
  EXPECT_EQ(rpc::GetErrorDetails(Start()).reason, "KEY_FILE_INVALID");
}

TEST_F(KeyFileWatchTest, TakesAChangedFileOver) {
  Write(Line("old"));
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(Knows("old"));
  Write(Line("new"));
  watch_->Poll();
  EXPECT_TRUE(Knows("new"));
  EXPECT_FALSE(Knows("old"));
  std::ofstream(path_ + "~") << Line("renamed");
  std::filesystem::rename(path_ + "~", path_);
  watch_->Poll();
  EXPECT_TRUE(Knows("renamed"));
  watch_->Poll();
  EXPECT_EQ(Reloads("taken"), 2);
  EXPECT_EQ(Reloads("refused"), 0);
}

TEST_F(KeyFileWatchTest, KeepsTheKeysWhenTheFileBreaksAndCountsItOnce) {
  Write(Line("old"));
  ASSERT_TRUE(Start().ok());
  for (const char* broken : {"alice\n", ""}) {
    Write(broken);
    watch_->Poll();
    watch_->Poll();
    EXPECT_TRUE(Knows("old"));
  }
  EXPECT_EQ(Reloads("refused"), 2);
  std::filesystem::remove(path_);
  watch_->Poll();
  watch_->Poll();
  EXPECT_TRUE(Knows("old"));
  EXPECT_EQ(Reloads("refused"), 3);
  Write(Line("new"));
  watch_->Poll();
  EXPECT_TRUE(Knows("new"));
  EXPECT_EQ(Reloads("taken"), 1);
}

TEST_F(KeyFileWatchTest, PollsByItself) {
  Write(Line("old"));
  ASSERT_TRUE(Start(absl::Milliseconds(1)).ok());
  Write(Line("new"));
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!Knows("new") && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  EXPECT_TRUE(Knows("new"));
}

}  // namespace
}  // namespace glyph::gateway
