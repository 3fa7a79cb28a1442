#include "gateway/http/http_server.h"

#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "gateway/http/http_connection.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr auto kTick = std::chrono::milliseconds(100);

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, HttpStarter starter, HeadCheck head_check)
      : state_(options, std::move(starter), std::move(head_check)),
        acceptor_(state_.io),
        timer_(state_.io) {}

  ~Impl() {
    if (!thread_.joinable()) return;
    asio::post(state_.io, [this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      timer_.cancel();
      for (const auto& connection : connections_) connection->Close();
      connections_.clear();
      large_work_.reset();  // no connection is left that could add to it
    });
    large_thread_.join();
    work_.reset();
    thread_.join();
    WaitUntilIdle(absl::InfiniteDuration());
  }

  absl::Status Listen() {
    const HttpServerOptions& options = state_.options;
    error_code error;
    const auto address = asio::ip::make_address(options.host, error);
    if (error) {
      return rpc::InvalidArgument(
          "HOST_INVALID", "host",
          absl::StrCat("host is ", options.host, "; it must be an IP address"));
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return rpc::Unavailable("PORT_TAKEN", absl::Seconds(1),
                              absl::StrCat("cannot listen on ", options.host, ":", options.port,
                                           "; choose a free port, or 0 for any"));
    }
    Accept();
    Tick();
    thread_ = std::thread([this] { state_.io.run(); });
    large_thread_ = std::thread([this] { state_.large_io.run(); });
    return absl::OkStatus();
  }

  void WaitUntilIdle(absl::Duration limit) { state_.open_replies.WaitUntilNone(limit); }
  int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (stopping_) return;
      accepting_ = !error;  // without a file descriptor it goes on with the next tick
      if (error) return;
      if (connections_.size() >= static_cast<size_t>(state_.options.max_connections)) Prune();
      if (connections_.size() < static_cast<size_t>(state_.options.max_connections)) {
        auto connection = std::make_shared<HttpConnection>(std::move(socket), state_);
        connections_.insert(connection);
        connection->Start();
      }
      Accept();
    });
  }

  void Tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](error_code) {
      if (stopping_) return;
      const absl::Time now = absl::Now();
      for (const auto& connection : connections_) connection->Tick(now);
      Prune();
      if (!std::exchange(accepting_, true)) Accept();
      Tick();
    });
  }

  void Prune() {
    std::erase_if(connections_, [](const auto& connection) { return connection->closed(); });
  }

  HttpServerState state_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{state_.io.get_executor()};
  asio::executor_work_guard<asio::io_context::executor_type> large_work_{
      state_.large_io.get_executor()};
  // On the thread of the sockets only:
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::set<std::shared_ptr<HttpConnection>> connections_;
  bool accepting_ = true;
  bool stopping_ = false;

  std::thread thread_, large_thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpStarter starter,
                                                              HeadCheck head_check) {
  auto impl = std::make_unique<Impl>(options, std::move(starter), std::move(head_check));
  GLYPH_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
void HttpServer::WaitUntilIdle(absl::Duration limit) { impl_->WaitUntilIdle(limit); }
int HttpServer::port() const { return impl_->port(); }

}  // namespace glyph::gateway
