#include "gateway/http/http_connection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "boost/asio/post.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/http/error.hpp"
#include "gateway/http/error_object.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr size_t kBodyProgressBytes = 64 << 10;  // due in a read_timeout
// What the parser may leave unparsed: a head, or the line before a chunk.
constexpr size_t kMaxUnparsedBytes = 128 << 10;
constexpr size_t kMaxPipelinedBytes = 16 << 10;  // read ahead while a request is answered
constexpr size_t kLargeBodyBytes = 64 << 10;     // from here on parsed beside the sockets' thread
constexpr int kSendBufferBytes = 64 << 10;       // the kernel's share of a slow client
constexpr absl::Duration kLinger = absl::Seconds(2);

// Everything but the body.
HttpRequest HeadOf(const http::request<http::string_body>& message) {
  const auto target = message.target();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = std::string(target.substr(0, target.find_first_of("?#")));
  for (const auto& field : message) {
    request.headers.emplace_back(absl::AsciiStrToLower(std::string(field.name_string())),
                                 std::string(field.value()));
  }
  request.request_id = RequestIdFor(request.Header("x-request-id"));
  return request;
}

// HTTP/1.0 knows no answer before the answer.
bool ExpectsContinue(const http::request<http::string_body>& message) {
  return message.version() >= 11 && beast::iequals(message[http::field::expect], "100-continue");
}

HttpResponse TooLarge(int status, const char* code, size_t limit) {
  return ErrorResponse(status, code, absl::StrCat("at most ", limit, " bytes are allowed"));
}

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, HttpServerState& state)
    : socket_(std::move(socket)), state_(state) {
  beast::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
}

void HttpConnection::Start() {
  head_timed_ = true;  // one timeout for the first byte and the head of the first request
  ReadRequest(state_.options.read_timeout);
}

void HttpConnection::ReadRequest(absl::Duration timeout) {
  phase_ = Phase::kReading;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(state_.options.max_header_bytes));
  parser_->body_limit(state_.options.max_body_bytes);
  saw_head_ = false;
  head_bytes_ = 0;
  timed_body_bytes_ = 0;
  deadline_ = absl::Now() + timeout;
  buffer_.shrink_to_fit();
  Parse();
}

void HttpConnection::Fill() {
  if (filling_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswering && buffer_.size() >= kMaxPipelinedBytes) return;
  if (buffer_.size() + chunk_.size() > kMaxUnparsedBytes) {
    return Refuse(ErrorResponse(400, "bad_request", "this is not an HTTP/1.1 request"));
  }
  filling_ = true;
  socket_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](beast::error_code error, size_t num_bytes) {
                            self->HandleFilled(error, num_bytes);
                          });
}

void HttpConnection::HandleFilled(beast::error_code error, size_t num_bytes) {
  filling_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) return Close();  // an end of the stream too: nobody waits for an answer
  if (phase_ != Phase::kLingering) {
    asio::buffer_copy(buffer_.prepare(num_bytes), asio::buffer(chunk_));
    buffer_.commit(num_bytes);
  }
  if (phase_ == Phase::kReading) return Parse();
  Fill();
}

void HttpConnection::Parse() {
  while (buffer_.size() > 0 && !parser_->is_done()) {
    if (!std::exchange(head_timed_, true)) deadline_ = absl::Now() + state_.options.read_timeout;
    beast::error_code error;
    const size_t parsed_bytes = parser_->put(buffer_.data(), error);  // a head or some of a body
    buffer_.consume(parsed_bytes);
    if (!saw_head_) head_bytes_ += parsed_bytes;
    if (error == http::error::need_more) break;
    if (error) return HandleParseError(error);
    if (!AdmitBody()) return;
    if (!saw_head_ && parser_->is_header_done()) {
      saw_head_ = true;
      if (!CheckHead() || !AdmitHead()) return;
      if (ExpectsContinue(parser_->get())) SendContinue();
    }
  }
  if (parser_->is_done()) return Dispatch();
  Fill();
}

// What the parser lets pass but we do not; false when it was refused. Its own limit is one for the
// first line and one for the fields. A body in an encoding that it does not know would be read as
// the next request.
bool HttpConnection::CheckHead() {
  if (head_bytes_ > state_.options.max_header_bytes) {
    HandleParseError(http::error::header_limit);
    return false;
  }
  const auto [begin, end] = parser_->get().equal_range(http::field::transfer_encoding);
  if (begin == end || (std::next(begin) == end && beast::iequals(begin->value(), "chunked"))) {
    return true;
  }
  Refuse(ErrorResponse(501, "transfer_encoding_unsupported",
                       "send the body as it is, or in chunks (Transfer-Encoding: chunked)"));
  return false;
}

// The body still to come is worth reading; false when it was refused.
bool HttpConnection::AdmitHead() {
  if (parser_->is_done() || state_.head_check == nullptr) return true;
  HttpRequest head = HeadOf(parser_->get());
  std::string request_id = head.request_id;
  std::optional<HttpResponse> refusal = state_.head_check(std::move(head));
  if (!refusal) return true;
  Refuse(*std::move(refusal), std::move(request_id));
  return false;
}

// The body that came is within the budget of all; false when it was refused.
bool HttpConnection::AdmitBody() {
  const size_t body_bytes = parser_->get().body().size();
  if (body_bytes > reserved_bytes_) {
    if (!body_bytes_) body_bytes_.emplace(state_.body_budget);
    if (!body_bytes_->Grow(body_bytes - reserved_bytes_)) {
      Refuse(ErrorResponse(rpc::ResourceExhausted(
          "INPUT_MEMORY_FULL", absl::Seconds(5),
          "the gateway holds as many bytes of large requests as it may; try again in a moment")));
      return false;
    }
    reserved_bytes_ = body_bytes;
  }
  if (body_bytes >= timed_body_bytes_ + kBodyProgressBytes) {
    timed_body_bytes_ = body_bytes;
    deadline_ = absl::Now() + state_.options.read_timeout;
  }
  return true;
}

void HttpConnection::HandleParseError(beast::error_code error) {
  if (error == http::error::header_limit) {
    return Refuse(TooLarge(431, "headers_too_large", state_.options.max_header_bytes));
  }
  if (error == http::error::body_limit) {
    return Refuse(TooLarge(413, "body_too_large", state_.options.max_body_bytes));
  }
  Refuse(ErrorResponse(400, "bad_request", "this is not an HTTP/1.1 request"));
}

void HttpConnection::Refuse(HttpResponse response, std::string request_id) {
  OpenQueue({.is_head = parser_->get().method() == http::verb::head,
             .keep_alive = false,
             .request_id = std::move(request_id)});
  queue_->Send(std::move(response));
}

void HttpConnection::SendContinue() {
  static const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](beast::error_code, size_t) {});
}

void HttpConnection::Dispatch() {
  auto& message = parser_->get();
  HttpRequest request = HeadOf(message);
  request.body = std::move(message.body());
  OpenQueue({.is_head = message.method() == http::verb::head,
             .is_http10 = message.version() < 11,
             .keep_alive = message.keep_alive(),
             .request_id = request.request_id});
  parser_.reset();
  saw_head_ = head_timed_ = false;  // of the next request
  if (request.body.size() < kLargeBodyBytes) {
    Adopt(state_.starter(std::move(request), queue_), queue_);
  } else {
    asio::post(state_.large_io,
               [self = shared_from_this(), queue = queue_, request = std::move(request)]() mutable {
                 auto call = self->state_.starter(std::move(request), queue);
                 asio::post(self->state_.io, [self, queue, call = std::move(call)]() mutable {
                   self->Adopt(std::move(call), queue);
                 });
               });
  }
  Fill();  // to hear when the client leaves
}

// The request was taken in; its body is not ours any more.
void HttpConnection::Adopt(std::shared_ptr<HttpCall> call,
                           const std::shared_ptr<ResponseQueue>& queue) {
  if (queue == queue_) ReleaseBody();
  if (call == nullptr) return;
  if (phase_ == Phase::kClosed) return call->OnGone();
  if (queue != queue_) return;  // it has ended already
  call_ = std::move(call);
  if (!queue_->congested()) call_->OnDrained();  // nobody was there to be told before
}

void HttpConnection::ReleaseBody() {
  body_bytes_.reset();
  reserved_bytes_ = 0;
}

void HttpConnection::OpenQueue(ResponseQueue::Options options) {
  phase_ = Phase::kAnswering;
  last_write_ = absl::Now();
  queue_ = std::shared_ptr<ResponseQueue>(
      new ResponseQueue(std::move(options),
                        [weak = weak_from_this(), &io = state_.io] {
                          asio::post(io, [weak] {
                            if (auto self = weak.lock()) self->WriteQueued();
                          });
                        }),
      [open = state_.open_replies.Add()](ResponseQueue* queue) { delete queue; });
}

void HttpConnection::WriteQueued() {
  if (writing_ || phase_ != Phase::kAnswering) return;
  const bool ended = queue_->ended();  // before Take, which then takes the last of it
  out_ = queue_->Take();
  if (out_.empty()) {
    if (ended) EndAnswer();
    return;
  }
  writing_ = true;
  last_write_ = absl::Now();
  asio::async_write(
      socket_, asio::buffer(out_),
      [self = shared_from_this()](beast::error_code error, size_t) { self->HandleWritten(error); });
}

void HttpConnection::HandleWritten(beast::error_code error) {
  writing_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) return Close();
  last_write_ = absl::Now();
  out_ = {};
  if (queue_->OnWritten() && call_ != nullptr) call_->OnDrained();
  WriteQueued();
}

void HttpConnection::EndAnswer() {
  const bool keep_alive = queue_->keep_alive();
  call_.reset();
  queue_.reset();
  ReleaseBody();
  if (keep_alive) return ReadRequest(state_.options.keep_alive_timeout);
  // Closing with unread bytes would make the kernel take the answer back.
  beast::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  phase_ = Phase::kLingering;
  deadline_ = absl::Now() + kLinger;
  buffer_.clear();
  Fill();
}

void HttpConnection::Tick(absl::Time now) {
  if (phase_ == Phase::kReading || phase_ == Phase::kLingering) {
    if (now > deadline_) Close();
  } else if (phase_ == Phase::kAnswering && writing_) {
    if (now > last_write_ + state_.options.write_timeout) Close();
  } else if (phase_ == Phase::kAnswering && call_ != nullptr &&
             now > last_write_ + state_.options.idle_interval) {
    last_write_ = now;
    call_->OnIdle();
  }
}

void HttpConnection::Close() {
  if (std::exchange(phase_, Phase::kClosed) == Phase::kClosed) return;
  beast::error_code ignored;
  socket_.close(ignored);
  if (queue_ != nullptr) queue_->Detach();
  if (call_ != nullptr) std::exchange(call_, nullptr)->OnGone();
  queue_.reset();
}

}  // namespace glyph::gateway
