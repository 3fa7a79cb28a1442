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
  KeyMetrics key_metrics_{registry_};
  KeyRing keys_{std::chrono::steady_clock::now, key_metrics_};
  Routes routes_{{{"GET", "/healthz", Access::kOpen, AtOnce(HealthzHandler())},
                  {"GET", "/readyz", Access::kOpen, AtOnce(ReadyzHandler(readiness_))},
                  {"GET", "/metrics", Access::kOpen, AtOnce(MetricsHandler(exposition_))},
                  {"GET", "/things/*", Access::kKey, AtOnce([](const HttpRequest& request) {
                     const std::string whose = request.caller ? request.caller->name() : "";
                     return HttpResponse{200, "text/plain", request.path + whose, {}};
                   })},
                  {"POST", "/things", Access::kKey, AtOnce([](const HttpRequest&) {
                     return HttpResponse{200, "text/plain", "made", {}};
                   })}},
                 {&names_, &keys_}};
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

TEST_F(RoutesTest, TakesNoCompressedBodies) {
  const HttpResponse response =
      Send("POST", "/things", {{"content-type", "application/json"}, {"content-encoding", "gzip"}});
  EXPECT_EQ(response.status, 415);
  EXPECT_THAT(response.body, HasSubstr("\"code\":\"content_encoding_unsupported\""));
}

TEST_F(RoutesTest, TakesOneHostOnly) {
  const HttpResponse response =
      Send("GET", "/healthz", {{"host", "localhost"}, {"host", "evil.example"}});
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("\"code\":\"host_twice\""));
}

TEST_F(RoutesTest, GoesByItsOwnNamesOnly) {
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "127.0.0.1:8080"}}).status, 200);
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "glyph.example"}}).status, 200);
  EXPECT_EQ(Send("GET", "/healthz", {{"host", "evil.example"}}).status, 403);
  EXPECT_EQ(Send("GET", "/nowhere", {{"host", "evil.example"}}).status, 403);
}

TEST_F(RoutesTest, AnswersBrowsersFromPagesOfItsOwnOnly) {
  const HttpHeaders own = {{"host", "localhost:8080"}, {"origin", "http://localhost:8080"}};
  EXPECT_EQ(Send("GET", "/healthz", own).status, 200);
  const HttpResponse other =
      Send("GET", "/healthz", {{"host", "localhost:8080"}, {"origin", "https://evil.example"}});
  EXPECT_EQ(other.status, 403);
  EXPECT_THAT(other.body, HasSubstr("\"code\":\"origin_not_allowed\""));
}

class RoutesWithKeysTest : public RoutesTest {
 protected:
  RoutesWithKeysTest() {
    keys_.SetKeys({{"alice", base::Sha256().Update("a").Finish(), KeyLimits()}});
  }
  const HttpHeaders key_ = {{"authorization", "Bearer a"}, {"content-type", "application/json"}};
};

TEST_F(RoutesWithKeysTest, AnswersOpenRoutesToEverybody) {
  EXPECT_EQ(Send("GET", "/healthz").status, 200);
  EXPECT_EQ(Send("HEAD", "/healthz", {{"authorization", "Bearer x"}}).status, 200);
}

TEST_F(RoutesWithKeysTest, AsksForAKeyBeforeAnythingElse) {
  for (const char* path : {"/things/a", "/things", "/nowhere", "/", "/healthz/"}) {
    for (const char* method : {"GET", "POST", "HEAD", "OPTIONS"}) {
      const HttpResponse response = Send(method, path);
      EXPECT_EQ(response.status, 401) << method << path;
      EXPECT_THAT(response.headers,
                  ::testing::ElementsAre(::testing::Pair("WWW-Authenticate", "Bearer")));
      EXPECT_THAT(response.body, HasSubstr("\"type\":\"authentication_error\""));
      EXPECT_THAT(response.body, HasSubstr("\"code\":\"key_missing\""));
    }
  }
  EXPECT_EQ(Send("POST", "/healthz").status, 401);  // no open route answers that
}

TEST_F(RoutesWithKeysTest, TakesNoOtherHeaderForAKey) {
  for (const char* header : {"x-api-key", "api-key", "cookie", "proxy-authorization"}) {
    EXPECT_EQ(Send("GET", "/things/a", {{header, "Bearer a"}}).status, 401) << header;
  }
  const HttpResponse twice =
      Send("GET", "/things/a", {{"authorization", "Bearer a"}, {"authorization", "Bearer b"}});
  EXPECT_EQ(twice.status, 401);
  EXPECT_THAT(twice.body, HasSubstr("key_unknown"));
}

TEST_F(RoutesWithKeysTest, TellsTheRouteWhoAsks) {
  EXPECT_EQ(Send("GET", "/things/a", key_).body, "/things/aalice");
  EXPECT_EQ(Send("POST", "/things", key_).status, 200);
  EXPECT_EQ(Send("GET", "/nowhere", key_).status, 404);
  EXPECT_EQ(Send("DELETE", "/things", key_).status, 405);
}

TEST_F(RoutesWithKeysTest, RefusesByTheHeadAlone) {
  HttpRequest head;
  head.method = "POST";
  head.path = "/things";
  EXPECT_EQ(routes_.RefusalOf(head)->status, 401);
  head.headers = key_;
  EXPECT_EQ(routes_.RefusalOf(head), std::nullopt);
  head.path = "/nowhere";
  EXPECT_EQ(routes_.RefusalOf(head)->status, 404);
}

}  // namespace
}  // namespace glyph::gateway
