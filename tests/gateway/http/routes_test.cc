#include "gateway/http/routes.h"

#include "gateway/http/health_handlers.h"
#include "gateway/http/metrics_handler.h"
#include "gateway/metrics/build_info.h"
#include "gmock/gmock.h"
#include "tests/gateway/http/recording_reply.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() { RegisterBuildInfo(registry_); }
  HttpResponse Send(const std::string& method, const std::string& path,
                    const HttpHeaders& headers = {}) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.headers = headers;
    const auto reply = std::make_shared<RecordingReply>();
    EXPECT_EQ(routes_.Start(request, reply), nullptr);
    EXPECT_EQ(reply->num_sent, 1);
    return reply->response;
  }

  ScriptedTimer timer_;
  Readiness readiness_{[] { return absl::UnixEpoch(); }, timer_, absl::ZeroDuration()};
  prometheus::Registry registry_;
  Exposition exposition_{{&registry_}};
  const std::set<std::string> names_ = {"glyph.example"};
  Routes routes_{{{"GET", "/healthz", AtOnce(HealthzHandler())},
                  {"GET", "/readyz", AtOnce(ReadyzHandler(readiness_))},
                  {"GET", "/metrics", AtOnce(MetricsHandler(exposition_))},
                  {"GET", "/things/*", AtOnce([](const HttpRequest& request) {
                     return HttpResponse{200, "text/plain", request.path, {}};
                   })},
                  {"POST", "/things", AtOnce([](const HttpRequest&) {
                     return HttpResponse{200, "text/plain", "made", {}};
                   })}},
                 &names_};
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
  for (const char* path : {"/", "", "/healthz/", "/HEALTHZ", "/../healthz", "*", "/things/",
                           "/things/a/b", "/thingsa", "/v1"}) {
    const HttpResponse response = Send("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_THAT(response.body, HasSubstr("\"code\":\"not_found\"")) << path;
  }
}

TEST_F(RoutesTest, FindsOneMoreSegmentWhereAPathAsksForIt) {
  EXPECT_EQ(Send("GET", "/things/a").body, "/things/a");
}

TEST_F(RoutesTest, AnswersTheMethodsOfAPathOnlyAndNamesThem) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const HttpResponse response = Send(method, "/healthz");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_THAT(response.headers, ::testing::ElementsAre(::testing::Pair("Allow", "GET, HEAD")));
  }
  EXPECT_THAT(Send("GET", "/things").headers,
              ::testing::ElementsAre(::testing::Pair("Allow", "POST")));
}

TEST_F(RoutesTest, TakesBodiesOfJsonOnly) {
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8"}) {
    EXPECT_EQ(Send("POST", "/things", {{"content-type", type}}).status, 200) << type;
  }
  EXPECT_EQ(Send("POST", "/things").status, 415);
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "application/jsonp", "multipart/form-data"}) {
    EXPECT_EQ(Send("POST", "/things", {{"content-type", type}}).status, 415) << type;
  }
}

TEST_F(RoutesTest, GoesByItsOwnNamesOnly) {
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "127.0.0.1:8080"}}).status, 200);
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "glyph.example"}}).status, 200);
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "evil.example"}}).status, 403);
  EXPECT_EQ(Send("GET", "/nowhere", {{"host", "evil.example"}}).status, 403);
}

}  // namespace
}  // namespace glyph::gateway
