#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/http/http_call.h"
#include "gateway/keys/key_ring.h"

namespace glyph::gateway {

// What a request needs to be answered.
enum class Access {
  kOpen,  // nothing
  kKey,   // a key, where the gateway has a key file
};

// One thing a server answers.
struct Route {
  std::string method;  // "GET" (HEAD too) or "POST" (with a body of application/json)
  std::string path;    // whole; with "/*" at its end also every path of one more segment
  Access access;
  HttpStarter starter;
};

// Finds what answers a request; everything it does not know is refused: names of hosts that are not
// ours and other origins 403, then, unless an open route answers, a missing or unknown key 401,
// other paths 404, other methods 405, other bodies 415. Thread-safe.
//   Routes routes({{"GET", "/healthz", Access::kOpen, AtOnce(HealthzHandler())}}, door);
//   auto call = routes.Start(request, reply);
class Routes {
 public:
  // What stands before all routes. Null: not checked. Both outlive the routes.
  struct Door {
    const std::set<std::string>* allowed_hosts = nullptr;  // host_check.h; with it, origin_check.h
    KeyRing* keys = nullptr;
  };

  explicit Routes(std::vector<Route> routes) : Routes(std::move(routes), Door()) {}
  Routes(std::vector<Route> routes, Door door) : routes_(std::move(routes)), door_(door) {}

  // HEAD is answered like GET; the server leaves the body out.
  std::shared_ptr<HttpCall> Start(HttpRequest request, std::shared_ptr<HttpReply> reply) const;

  // Of a request whose body is still to come: the refusal, if its head is enough for one.
  std::optional<HttpResponse> RefusalOf(HttpRequest head) const;

 private:
  // Sets the caller and the route of `request`, or returns its refusal.
  std::optional<HttpResponse> Find(HttpRequest& request, const Route*& found) const;

  const std::vector<Route> routes_;
  const Door door_;
};

}  // namespace glyph::gateway
