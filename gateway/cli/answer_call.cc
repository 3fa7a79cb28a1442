#include "gateway/cli/answer_call.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "gateway/cli/ask_request.h"
#include "gateway/cli/interrupts.h"

namespace glyph::gateway::cli {
namespace {

constexpr size_t kMaxUnaryBytes = 16 << 20;  // larger requests go in chunks
constexpr size_t kChunkBytes = 1000 << 10;

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

grpc::Status StreamAnswer(v1::GlyphService::Stub& stub, v1::AskRequest request,
                          Interrupts& interrupts,
                          const std::function<void(const v1::AskResponse&)>& on_event) {
  grpc::ClientContext context;
  const Interrupts::Watch watch = interrupts.Cancel([&context] { context.TryCancel(); });
  const auto read = [&](auto& stream) {
    for (v1::AskResponse event; stream.Read(&event);) {
      on_event(event);
      if (std::ferror(stdout) != 0) context.TryCancel();  // nobody reads the rest
    }
    return stream.Finish();
  };
  if (SourceBytes(request) <= kMaxUnaryBytes) return read(*stub.Ask(&context, request));
  const auto stream = stub.AskStream(&context);
  SendInChunks(*stream, std::move(request));  // when it fails, Finish tells why
  return read(*stream);
}

}  // namespace glyph::gateway::cli
