#include "gateway/http/openapi_document.h"

#include <map>

#include "absl/strings/str_replace.h"
#include "gateway/http/api_routes.h"
#include "gateway/http/json_text.h"
#include "gmock/gmock.h"
#include "tests/gateway/routing/flow_fixture.h"

namespace glyph::gateway {
namespace {

using OpenApiDocumentTest = FlowFixture;

// "GET /healthz" and so on.
std::set<std::string> Documented() {
  std::set<std::string> documented;
  const Json document = Json::parse(OpenApiDocument(), nullptr, false);
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      documented.insert((method == "get" ? "GET " : "POST ") +
                        absl::StrReplaceAll(path, {{"{id}", "*"}}));
    }
  }
  return documented;
}

TEST_F(OpenApiDocumentTest, NamesExactlyWhatIsRouted) {
  RequestGate gate(1, metrics_);
  const ApiServices services = {Services(), gate, models_};
  std::set<std::string> routed;
  for (const Route& route : ApiRoutes(services, readiness_)) {
    routed.insert(route.method + " " + route.path);
  }
  EXPECT_EQ(Documented(), routed);
}

TEST_F(OpenApiDocumentTest, RefersToWhatItHolds) {
  const Json document = Json::parse(OpenApiDocument(), nullptr, false);
  EXPECT_EQ(document["info"]["version"], GLYPH_VERSION);
  const std::function<void(const Json&)> check = [&](const Json& value) {
    if (value.is_object() && value.contains("$ref")) {
      const std::string path = value["$ref"].get<std::string>().substr(1);
      EXPECT_TRUE(document.contains(Json::json_pointer(path))) << path;
    }
    if (value.is_structured()) {
      for (const Json& member : value) check(member);
    }
  };
  check(document);
}

}  // namespace
}  // namespace glyph::gateway
