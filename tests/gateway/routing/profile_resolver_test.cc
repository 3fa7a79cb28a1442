#include "gateway/routing/profile_resolver.h"

#include "gtest/gtest.h"
#include "proto/rpc/error.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {
namespace {

class ProfileResolverTest : public ::testing::Test {
 protected:
  // The outcome for a model whose folder holds `model_profile`.
  absl::StatusOr<v1::RenderOptions> Resolve(const std::string& requested,
                                            const std::string& model_profile,
                                            const std::string& default_profile) {
    ProfileResolver resolver(models_, default_profile);
    v1::RenderOptions options;
    options.set_profile(requested);
    options.set_max_pages(7);
    absl::StatusOr<v1::RenderOptions> result = absl::UnknownError("not called");
    resolver.Resolve(options, absl::InfiniteFuture(),
                     [&result](absl::StatusOr<v1::RenderOptions> r) { result = std::move(r); });
    if (!vlm_.model_calls.empty()) {
      v1::Model model;
      model.set_render_profile_json(model_profile);
      vlm_.model_calls.back()(model);
    }
    return result;
  }

  ScriptedVlmClient vlm_;
  ModelCache models_{vlm_};
};

TEST_F(ProfileResolverTest, PrefersTheProfileOfTheRequestAndAsksNobody) {
  const auto options = Resolve("noto-1024", "{}", "other");
  EXPECT_EQ(options->profile(), "noto-1024");
  EXPECT_TRUE(vlm_.model_calls.empty());
}

TEST_F(ProfileResolverTest, TakesTheModelsProfileNext) {
  const auto options = Resolve("", "{\"font\":1}", "other");
  EXPECT_EQ(options->profile_json(), "{\"font\":1}");
  EXPECT_EQ(options->profile(), "");
  EXPECT_EQ(options->max_pages(), 7u);
}

TEST_F(ProfileResolverTest, FallsBackToTheOperatorsDefault) {
  EXPECT_EQ(Resolve("", "", "noto-1024")->profile(), "noto-1024");
}

TEST_F(ProfileResolverTest, SaysHowToNameAProfileWhenNobodyDoes) {
  const absl::Status status = Resolve("", "", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "PROFILE_UNKNOWN");
  EXPECT_NE(status.message().find("--profile"), absl::string_view::npos);
}

}  // namespace
}  // namespace glyph::gateway
