#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "glyph/v1/vlm.grpc.pb.h"

namespace glyph::vlm {

// Everything a Generate call said.
struct Answer {
  absl::Status status;  // with the details of the error
  std::optional<v1::Admitted> admitted;
  std::vector<v1::PageDecision> decisions;
  std::vector<v1::PageEncoded> encoded;
  std::vector<v1::Token> tokens;          // of all samples, as they came
  std::vector<uint32_t> ids;              // of sample 0
  std::string text;                       // of sample 0: of the tokens and the tail
  std::map<uint32_t, std::string> texts;  // of every sample
  std::vector<v1::SampleFinished> samples;
  std::optional<v1::GenerateFinished> finished;
};

// One page as a client sends it.
struct ClientPage {
  v1::PageHeader header;
  std::string pixels;
  int32_t strip_rows = 28;
};

// A rendered page of `width` x `height` px, all of one gray.
ClientPage RenderedPage(uint32_t index, uint32_t width, uint32_t height, uint8_t gray = 255);

// A start with one page group (when `num_pages` is not 0) and then `text`.
v1::GenerateRequest StartRequest(const std::string& text, uint32_t num_pages = 0,
                                 uint64_t visual_tokens = 0);
v1::GenerateRequest OfferRequest(const ClientPage& page, uint32_t part_index = 0);
// The page's pixels in strips.
std::vector<v1::GenerateRequest> StripRequests(const ClientPage& page);

// A Generate call as a client makes it, for tests: blocking. CHECK-fails when the events break the
// order of vlm.proto. Used by one thread, Cancel by any. Outputs are expected to begin at index
// `first_index`: the number of forced ids.
class VlmClient {
 public:
  // Begins a call; it has `timeout_ms` unless 0.
  explicit VlmClient(v1::VlmService::Stub& stub, int timeout_ms = 0, size_t first_index = 0);

  // False: the server ended the call.
  bool Send(const v1::GenerateRequest& request);
  void HalfClose();
  // Reads until `seen` holds; false: the call ended before.
  bool ReadUntil(const std::function<bool(const Answer&)>& seen);
  // Reads to the end.
  const Answer& Finish();
  void Cancel() { context_.TryCancel(); }

  const Answer& answer() const { return answer_; }

 private:
  void Note(const v1::GenerateResponse& response);
  void NoteToken(const v1::Token& token);
  void AddText(uint32_t sample, const std::string& text);

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateRequest, v1::GenerateResponse>> stream_;
  std::map<uint32_t, size_t> next_index_;  // by sample
  const size_t first_index_;
  Answer answer_;
};

// Start, then every page of part 0, with the pixels the server asks for, and the end of the prompt.
void SendPrompt(VlmClient& client, const v1::GenerateRequest& start,
                const std::vector<ClientPage>& pages);

// A whole call: the prompt and its answer.
Answer Ask(v1::VlmService::Stub& stub, const v1::GenerateRequest& start,
           const std::vector<ClientPage>& pages = {});

}  // namespace glyph::vlm
