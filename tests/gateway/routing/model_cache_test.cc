#include "gateway/routing/model_cache.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {
namespace {

class ModelCacheTest : public ::testing::Test {
 protected:
  void Get() {
    cache_.Get(absl::InfiniteFuture(), [this](const absl::StatusOr<v1::Model>& model) {
      names_.push_back(model.ok() ? model->name() : "error");
    });
  }
  void Answer(size_t call, const std::string& name) {
    v1::Model model;
    model.set_name(name);
    vlm_.model_calls.at(call)(model);
  }

  ScriptedVlmClient vlm_;
  ModelCache cache_{vlm_};
  std::vector<std::string> names_;
};

TEST_F(ModelCacheTest, AsksOnce) {
  Get();
  Answer(0, "nano");
  Get();
  EXPECT_EQ(vlm_.model_calls.size(), 1u);
  EXPECT_THAT(names_, ::testing::ElementsAre("nano", "nano"));
}

TEST_F(ModelCacheTest, AsksAgainAfterInvalidate) {
  Get();
  Answer(0, "old");
  cache_.Invalidate();
  Get();
  Answer(1, "new");
  EXPECT_THAT(names_, ::testing::ElementsAre("old", "new"));
}

TEST_F(ModelCacheTest, DoesNotRememberAnAnswerFromBeforeInvalidate) {
  Get();
  cache_.Invalidate();
  Answer(0, "old");
  Get();
  EXPECT_EQ(vlm_.model_calls.size(), 2u);
}

TEST_F(ModelCacheTest, DoesNotRememberErrors) {
  Get();
  vlm_.model_calls.at(0)(absl::UnavailableError("down"));
  Get();
  EXPECT_EQ(vlm_.model_calls.size(), 2u);
  EXPECT_THAT(names_, ::testing::ElementsAre("error"));
}

}  // namespace
}  // namespace glyph::gateway
