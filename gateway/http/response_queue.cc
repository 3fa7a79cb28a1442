#include "gateway/http/response_queue.h"

#include "absl/strings/str_cat.h"

namespace glyph::gateway {
namespace {

const char* PhraseOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Error";
  }
}

}  // namespace

ResponseQueue::ResponseQueue(Options options, std::function<void()> wake)
    : options_(std::move(options)), wake_(std::move(wake)), keep_alive_(options_.keep_alive) {}

void ResponseQueue::Send(HttpResponse response) {
  base::MutexLock lock(mutex_);
  if (begun_ || wake_ == nullptr) return;
  begun_ = ended_ = true;
  AddHead(response, /*has_length=*/true);
  if (!options_.is_head) pending_.append(response.body);
  wake_();
}

void ResponseQueue::Begin(HttpResponse response) {
  base::MutexLock lock(mutex_);
  if (begun_ || wake_ == nullptr) return;
  begun_ = true;
  if (options_.is_http10) keep_alive_ = false;
  AddHead(response, /*has_length=*/false);
  AddBody(response.body);
  wake_();
}

void ResponseQueue::Write(std::string bytes) {
  base::MutexLock lock(mutex_);
  if (!begun_ || ended_ || wake_ == nullptr) return;
  const bool was_empty = pending_.empty();  // else the writer knows already
  AddBody(bytes);
  if (was_empty) wake_();
}

void ResponseQueue::Finish(bool complete) {
  base::MutexLock lock(mutex_);
  if (!begun_ || ended_ || wake_ == nullptr) return;
  ended_ = true;
  if (!complete) {
    keep_alive_ = false;
  } else if (!options_.is_http10 && !options_.is_head) {
    pending_.append("0\r\n\r\n");
  }
  wake_();
}

bool ResponseQueue::congested() const {
  base::MutexLock lock(mutex_);
  return pending_.size() + in_flight_bytes_ > kCongestedBytes;
}

std::string ResponseQueue::Take() {
  base::MutexLock lock(mutex_);
  in_flight_bytes_ = pending_.size();
  return std::exchange(pending_, {});
}

bool ResponseQueue::OnWritten() {
  base::MutexLock lock(mutex_);
  const bool was_congested = pending_.size() + in_flight_bytes_ > kCongestedBytes;
  in_flight_bytes_ = 0;
  return was_congested && pending_.size() <= kCongestedBytes;
}

bool ResponseQueue::ended() const {
  base::MutexLock lock(mutex_);
  return ended_;
}

bool ResponseQueue::keep_alive() const {
  base::MutexLock lock(mutex_);
  return keep_alive_;
}

void ResponseQueue::Detach() {
  base::MutexLock lock(mutex_);
  wake_ = nullptr;
  pending_ = {};
  in_flight_bytes_ = 0;
}

void ResponseQueue::AddHead(const HttpResponse& response, bool has_length) {
  absl::StrAppend(&pending_, options_.is_http10 ? "HTTP/1.0 " : "HTTP/1.1 ", response.status, " ",
                  PhraseOf(response.status), "\r\nContent-Type: ", response.content_type, "\r\n");
  bool has_cache_control = false;
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&pending_, name, ": ", value, "\r\n");
    has_cache_control |= name == "Cache-Control";
  }
  if (!has_cache_control) pending_.append("Cache-Control: no-store\r\n");
  pending_.append("X-Content-Type-Options: nosniff\r\n");
  if (!options_.request_id.empty()) {
    absl::StrAppend(&pending_, "x-request-id: ", options_.request_id, "\r\n");
  }
  if (has_length) {
    absl::StrAppend(&pending_, "Content-Length: ", response.body.size(), "\r\n");
  } else if (!options_.is_http10) {
    pending_.append("Transfer-Encoding: chunked\r\n");
  }
  // HTTP/1.1 keeps connections unless told otherwise, HTTP/1.0 closes them.
  if (!keep_alive_) pending_.append("Connection: close\r\n");
  if (keep_alive_ && options_.is_http10) pending_.append("Connection: keep-alive\r\n");
  pending_.append("\r\n");
}

void ResponseQueue::AddBody(const std::string& bytes) {
  if (bytes.empty() || options_.is_head) return;
  if (options_.is_http10) {
    pending_.append(bytes);
  } else {
    absl::StrAppend(&pending_, absl::Hex(bytes.size()), "\r\n", bytes, "\r\n");
  }
}

}  // namespace glyph::gateway
