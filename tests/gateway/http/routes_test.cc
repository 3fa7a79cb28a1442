#include "gateway/http/routes.h"

#include "gateway/http/health_handlers.h"
#include "gateway/http/metrics_handler.h"
#include "gateway/metrics/build_info.h"
#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() { RegisterBuildInfo(registry_); }
  HttpResponse Send(const std::string& method, const std::string& path) {
    return routes_.Handle({method, path, ""});
  }

  Readiness readiness_;
  prometheus::Registry registry_;
  Exposition exposition_{{&registry_}};
  Routes routes_{{{"/healthz", HealthzHandler()},
                  {"/readyz", ReadyzHandler(readiness_)},
                  {"/metrics", MetricsHandler(exposition_)}}};
};

TEST_F(RoutesTest, IsHealthyWhateverTheServicesDo) {
  EXPECT_EQ(Send("GET", "/healthz").status, 200);
  EXPECT_EQ(Send("HEAD", "/healthz").status, 200);
}

TEST_F(RoutesTest, IsReadyWhenBothServicesAre) {
  readiness_.Set(Upstream::kRender, true);
  readiness_.Set(Upstream::kVlm, true);
  EXPECT_EQ(Send("GET", "/readyz").status, 200);
}

TEST_F(RoutesTest, SaysWhichServiceIsNotReady) {
  readiness_.Set(Upstream::kRender, true);
  const HttpResponse response = Send("GET", "/readyz");

  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(response.body, HasSubstr("\"render_service\":\"ready\""));
  EXPECT_THAT(response.body, HasSubstr("\"vlm_service\":\"not ready\""));
}

TEST_F(RoutesTest, ExposesMetricsAsText) {
  const HttpResponse response = Send("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("glyph_build_info"));
}

TEST_F(RoutesTest, KnowsNoOtherPath) {
  for (const char* path : {"/", "", "/healthz/", "/HEALTHZ", "/../healthz", "*"}) {
    const HttpResponse response = Send("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_THAT(response.body, HasSubstr("\"reason\":\"NOT_FOUND\"")) << path;
  }
}

TEST_F(RoutesTest, AnswersReadingMethodsOnlyAndNamesThem) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const HttpResponse response = Send(method, "/healthz");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_THAT(response.headers, ::testing::ElementsAre(::testing::Pair("Allow", "GET, HEAD")));
  }
}

}  // namespace
}  // namespace glyph::gateway
