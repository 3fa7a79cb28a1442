#pragma once
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/http/http_call.h"

namespace glyph::gateway {

// One thing a server answers.
struct Route {
  std::string method;  // "GET" (HEAD too) or "POST" (with a body of application/json)
  std::string path;    // whole; with "/*" at its end also every path of one more segment
  HttpStarter starter;
};

// Finds what answers a request; everything it does not know is refused: other paths 404, other
// methods 405, other bodies 415, names of hosts that are not ours 403. Thread-safe.
//   Routes routes({{"GET", "/healthz", AtOnce(HealthzHandler())}});
//   auto call = routes.Start(request, reply);
class Routes {
 public:
  // `allowed_hosts`: see host_check.h; nullptr: any Host passes.
  explicit Routes(std::vector<Route> routes, const std::set<std::string>* allowed_hosts = nullptr)
      : routes_(std::move(routes)), allowed_hosts_(allowed_hosts) {}

  // HEAD is answered like GET; the server leaves the body out.
  std::shared_ptr<HttpCall> Start(HttpRequest request, std::shared_ptr<HttpReply> reply) const;

 private:
  const std::vector<Route> routes_;
  const std::set<std::string>* const allowed_hosts_;
};

}  // namespace glyph::gateway
