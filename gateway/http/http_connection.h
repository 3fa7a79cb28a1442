#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/http/parser.hpp"
#include "boost/beast/http/string_body.hpp"
#include "gateway/http/http_server.h"
#include "gateway/http/open_replies.h"
#include "gateway/http/request_id.h"
#include "gateway/http/response_queue.h"
#include "gateway/routing/byte_budget.h"

namespace glyph::gateway {

// What the connections of one server share; on the thread of its sockets except where it says so.
struct HttpServerState {
  HttpServerState(const HttpServerOptions& server_options, HttpStarter server_starter,
                  HeadCheck server_head_check)
      : options(server_options),
        starter(std::move(server_starter)),
        head_check(std::move(server_head_check)),
        body_budget(server_options.max_all_bodies_bytes) {}

  const HttpServerOptions options;
  const HttpStarter starter;            // thread-safe
  const HeadCheck head_check;           // or null
  boost::asio::io_context io{1};        // the sockets
  boost::asio::io_context large_io{1};  // requests with large bodies
  ByteBudget body_budget;
  OpenReplies open_replies;  // thread-safe
};

// One connection: reads a request, lets it be answered, writes the answer, again while the client
// keeps it alive. Every method runs on the thread of the sockets.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // `state` outlives the connection.
  HttpConnection(boost::asio::ip::tcp::socket socket, HttpServerState& state);

  void Start();
  // Enforces the timeouts; called again and again.
  void Tick(absl::Time now);
  // Ends it, and the call it serves.
  void Close();
  bool closed() const { return phase_ == Phase::kClosed; }

 private:
  enum class Phase { kReading, kAnswering, kLingering, kClosed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void ReadRequest(absl::Duration timeout);
  void Fill();
  void HandleFilled(boost::beast::error_code error, size_t num_bytes);
  void Parse();
  bool AdmitBody();
  void HandleParseError(boost::beast::error_code error);
  void Refuse(HttpResponse response, std::string request_id = RequestIdFor(""));
  bool CheckHead();
  bool AdmitHead();
  void SendContinue();
  void Dispatch();
  void Adopt(std::shared_ptr<HttpCall> call, const std::shared_ptr<ResponseQueue>& queue);
  void ReleaseBody();
  void OpenQueue(ResponseQueue::Options options);
  void WriteQueued();
  void HandleWritten(boost::beast::error_code error);
  void EndAnswer();

  boost::asio::ip::tcp::socket socket_;
  HttpServerState& state_;
  Phase phase_ = Phase::kReading;
  absl::Time deadline_;               // of reading and lingering
  std::array<char, 16 << 10> chunk_;  // being read
  bool filling_ = false;
  boost::beast::flat_buffer buffer_;  // read and not parsed yet
  std::optional<Parser> parser_;
  bool head_timed_ = false;  // deadline_ is that of the head, not of the first byte
  bool saw_head_ = false;
  size_t head_bytes_ = 0;
  size_t timed_body_bytes_ = 0;  // of the body when deadline_ was set
  std::optional<ByteBudget::Reservation> body_bytes_;
  size_t reserved_bytes_ = 0;
  std::shared_ptr<ResponseQueue> queue_;
  std::shared_ptr<HttpCall> call_;
  std::string out_;  // being written
  bool writing_ = false;
  absl::Time last_write_;
};

}  // namespace glyph::gateway
