#include "tests/fakes/vlm_client.h"

#include <algorithm>
#include <chrono>

#include "grpcpp/grpcpp.h"
#include "proto/base/check.h"
#include "proto/base/sha256.h"
#include "proto/base/utf8.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::vlm {

ClientPage RenderedPage(uint32_t index, uint32_t width, uint32_t height, uint8_t gray) {
  ClientPage page;
  page.pixels.assign(static_cast<size_t>(width) * height, static_cast<char>(gray));
  page.header.set_page_index(index);
  page.header.set_page_key(base::ToBytes(base::Sha256().Update(page.pixels).Finish()));
  page.header.set_format(v1::PIXEL_FORMAT_GRAY8);
  page.header.set_width_px(width);
  page.header.set_height_px(height);
  page.header.set_origin(v1::PAGE_ORIGIN_RENDERED);
  page.header.set_profile_fingerprint(std::string(32, 'F'));
  return page;
}

v1::GenerateRequest StartRequest(const std::string& text, uint32_t num_pages,
                                 uint64_t visual_tokens) {
  v1::GenerateRequest request;
  v1::GenerateStart* start = request.mutable_start();
  if (num_pages > 0) {
    v1::PageGroup* group = start->add_parts()->mutable_pages();
    group->set_max_pages(num_pages);
    group->set_max_visual_tokens(visual_tokens);
  }
  start->add_parts()->set_text(text);
  return request;
}

v1::GenerateRequest OfferRequest(const ClientPage& page, uint32_t part_index) {
  v1::GenerateRequest request;
  request.mutable_offer()->set_part_index(part_index);
  *request.mutable_offer()->mutable_page() = page.header;
  return request;
}

std::vector<v1::GenerateRequest> StripRequests(const ClientPage& page) {
  const size_t channels = page.header.format() == v1::PIXEL_FORMAT_RGB8 ? 3 : 1;
  const size_t row_bytes = page.header.width_px() * channels;
  const size_t strip_bytes = row_bytes * static_cast<size_t>(page.strip_rows);
  std::vector<v1::GenerateRequest> requests;
  for (size_t at = 0; at < page.pixels.size(); at += strip_bytes) {
    v1::PageStrip* strip = requests.emplace_back().mutable_strip();
    strip->set_page_index(page.header.page_index());
    strip->set_first_row(static_cast<uint32_t>(at / row_bytes));
    strip->set_pixels(page.pixels.substr(at, strip_bytes));
  }
  return requests;
}

VlmClient::VlmClient(v1::VlmService::Stub& stub, int timeout_ms, size_t first_index)
    : first_index_(first_index) {
  if (timeout_ms > 0) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
  }
  stream_ = stub.Generate(&context_);
}

bool VlmClient::Send(const v1::GenerateRequest& request) { return stream_->Write(request); }

void VlmClient::HalfClose() { stream_->WritesDone(); }

bool VlmClient::ReadUntil(const std::function<bool(const Answer&)>& seen) {
  v1::GenerateResponse response;
  while (!seen(answer_)) {
    if (!stream_->Read(&response)) return false;
    Note(response);
  }
  return true;
}

const Answer& VlmClient::Finish() {
  ReadUntil([](const Answer&) { return false; });
  answer_.status = rpc::FromGrpcStatus(stream_->Finish());
  GLYPH_CHECK(answer_.status.ok() == answer_.finished.has_value());
  return answer_;
}

void VlmClient::Note(const v1::GenerateResponse& response) {
  GLYPH_CHECK(!answer_.finished);
  GLYPH_CHECK(answer_.admitted.has_value() != response.has_admitted());
  if (response.has_admitted()) answer_.admitted = response.admitted();
  if (response.has_page_decision()) {
    GLYPH_CHECK(response.page_decision().page_index() == answer_.decisions.size());
    answer_.decisions.push_back(response.page_decision());
  }
  if (response.has_page_encoded()) {
    GLYPH_CHECK(response.page_encoded().page_index() == answer_.encoded.size());
    answer_.encoded.push_back(response.page_encoded());
  }
  for (const v1::Token& token : response.tokens().tokens()) NoteToken(token);
  if (response.has_sample_finished()) {
    const v1::SampleFinished& finished = response.sample_finished();
    AddText(finished.sample(), finished.tail_text());
    GLYPH_CHECK(finished.output_tokens() == first_index_ + next_index_[finished.sample()]);
    answer_.samples.push_back(finished);
  }
  if (response.has_finished()) {
    size_t num_tokens = first_index_;
    for (const auto& [sample, count] : next_index_) num_tokens += count;
    GLYPH_CHECK(response.finished().output_tokens() == num_tokens);
    answer_.finished = response.finished();
    AddText(0, response.finished().tail_text());
  }
}

void VlmClient::AddText(uint32_t sample, const std::string& text) {
  answer_.texts[sample] += text;
  if (sample == 0) answer_.text += text;
}

void VlmClient::NoteToken(const v1::Token& token) {
  GLYPH_CHECK(token.index() == first_index_ + next_index_[token.sample()]++);
  GLYPH_CHECK(base::ValidUtf8Prefix(token.text()) == token.text().size());
  AddText(token.sample(), token.text());
  if (token.sample() == 0) answer_.ids.push_back(token.id());
  answer_.tokens.push_back(token);
}

void SendPrompt(VlmClient& client, const v1::GenerateRequest& start,
                const std::vector<ClientPage>& pages) {
  client.Send(start);
  for (size_t i = 0; i < pages.size(); ++i) {
    client.Send(OfferRequest(pages[i]));
    const auto answered = [i](const Answer& answer) { return answer.decisions.size() > i; };
    if (!client.ReadUntil(answered)) break;
    if (client.answer().decisions[i].answer() == v1::PAGE_ANSWER_HAVE) continue;
    for (const v1::GenerateRequest& strip : StripRequests(pages[i])) client.Send(strip);
  }
  client.HalfClose();
}

Answer Ask(v1::VlmService::Stub& stub, const v1::GenerateRequest& start,
           const std::vector<ClientPage>& pages) {
  VlmClient client(stub, /*timeout_ms=*/0,
                   static_cast<size_t>(start.start().forced_output_ids_size()));
  SendPrompt(client, start, pages);
  return client.Finish();
}

}  // namespace glyph::vlm
