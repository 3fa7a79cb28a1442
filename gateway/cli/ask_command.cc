#include "gateway/cli/ask_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "gateway/cli/ask_request.h"
#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/interrupt.h"
#include "gateway/cli/json_output.h"
#include "gateway/cli/progress.h"

namespace glyph::gateway::cli {
namespace {

constexpr size_t kMaxUnaryBytes = 16 << 20;  // larger requests go in chunks
constexpr size_t kChunkBytes = 1000 << 10;

Progress::Mode ProgressMode(const AskOptions& options) {
  if (isatty(STDERR_FILENO) != 0) return Progress::Mode::kTerminal;
  return options.progress ? Progress::Mode::kLines : Progress::Mode::kOff;
}

// Prints the events of one answer.
class Printer {
 public:
  explicit Printer(const AskOptions& options)
      : json_(options.json),
        progress_(stderr, ProgressMode(options), std::getenv("NO_COLOR") == nullptr) {}

  void Print(const v1::AskResponse& event) {
    if (event.has_finished() && !json_ && has_text_ && !ends_line_) std::fputc('\n', stdout);
    std::fflush(stdout);
    progress_.Show(event);
    if (json_) {
      PrintJsonLine(event);
    } else if (event.has_delta()) {
      const std::string& text = event.delta().text();
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
      has_text_ = true;
      ends_line_ = text.back() == '\n';
    }
  }

 private:
  const bool json_;
  Progress progress_;
  bool has_text_ = false;
  bool ends_line_ = false;
};

template <typename Stream>
grpc::Status PrintAnswer(Stream& stream, const AskOptions& options) {
  Printer printer(options);
  v1::AskResponse event;
  while (stream.Read(&event)) printer.Print(event);
  return stream.Finish();
}

// Moves what the parts hold into chunks behind the start message.
bool SendInChunks(grpc::ClientReaderWriter<v1::AskStreamRequest, v1::AskResponse>& stream,
                  v1::AskRequest request) {
  std::vector<std::string> sources;
  for (v1::AskPart& part : *request.mutable_parts()) {
    std::string* bytes = part.has_document() ? part.mutable_document()->mutable_text()
                         : part.has_image()  ? part.mutable_image()->mutable_data()
                                             : nullptr;
    sources.push_back(bytes == nullptr ? std::string() : std::exchange(*bytes, {}));
  }
  v1::AskStreamRequest message;
  *message.mutable_start() = std::move(request);
  if (!stream.Write(message)) return false;
  for (size_t part = 0; part < sources.size(); ++part) {
    for (size_t offset = 0; offset < sources[part].size(); offset += kChunkBytes) {
      const size_t count = std::min(kChunkBytes, sources[part].size() - offset);
      message.mutable_chunk()->set_part_index(static_cast<uint32_t>(part));
      message.mutable_chunk()->set_data(sources[part].data() + offset, count);
      if (!stream.Write(message)) return false;
    }
  }
  return stream.WritesDone();
}

}  // namespace

int RunAsk(const AskOptions& options) {
  absl::StatusOr<v1::AskRequest> request = BuildAskRequest(options);
  if (!request.ok()) return Report(request.status());
  const auto stub = Connect(options.server, options.api_key);
  static grpc::ClientContext context;  // the thread that waits for signals outlives this function
  CancelOnInterrupt(context);
  grpc::Status status;
  if (SourceBytes(*request) > kMaxUnaryBytes) {
    const auto stream = stub->AskStream(&context);
    SendInChunks(*stream, *std::move(request));  // when it fails, Finish tells why
    status = PrintAnswer(*stream, options);
  } else {
    const auto stream = stub->Ask(&context, *request);
    status = PrintAnswer(*stream, options);
  }
  return Report(CallStatus(status, options.server));
}

}  // namespace glyph::gateway::cli
