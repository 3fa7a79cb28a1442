#include "tests/fakes/fake_render_service.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace glyph::fakes {
namespace {

constexpr uint32_t kSidePx = 56;
constexpr uint32_t kStripRows = 28;

void AddPage(uint32_t index, bool is_image, uint64_t source_bytes,
             std::vector<v1::RenderResponse>& events) {
  v1::PageHeader& page = *events.emplace_back().mutable_page();
  page.set_page_index(index);
  page.set_page_key(std::string(31, 'k') + static_cast<char>('0' + index % 64));
  page.set_format(v1::PIXEL_FORMAT_GRAY8);
  page.set_width_px(kSidePx);
  page.set_height_px(kSidePx);
  page.set_origin(is_image ? v1::PAGE_ORIGIN_UPLOADED : v1::PAGE_ORIGIN_RENDERED);
  for (uint32_t row = 0; row < kSidePx; row += kStripRows) {
    v1::PageStrip& strip = *events.emplace_back().mutable_strip();
    strip.set_page_index(index);
    strip.set_first_row(row);
    strip.set_pixels(std::string(kSidePx * kStripRows, '\xff'));
  }
  if (is_image) return;
  v1::SourceMap& map = *events.emplace_back().mutable_source_map();
  map.set_page_index(index);
  v1::SourceBox* box = map.add_boxes();
  box->set_source_end(source_bytes);
  box->set_width_px(20);
  box->set_height_px(20);
}

std::vector<v1::RenderResponse> EventsOf(const v1::RenderStart& start, const std::string& source) {
  const bool is_image = start.kind() == v1::SOURCE_KIND_IMAGE;
  const bool empty = absl::StripAsciiWhitespace(source).empty();
  std::vector<std::string> pages;
  if (is_image) {
    pages.push_back(source);
  } else if (!empty) {
    pages = absl::StrSplit(source, '\f');
  }
  std::vector<v1::RenderResponse> events;
  v1::RenderPlan& plan = *events.emplace_back().mutable_plan();
  plan.set_max_pages(static_cast<uint32_t>(pages.size()));
  plan.set_max_visual_tokens(pages.size() * 4);
  plan.set_exact(!is_image);
  plan.set_characters(is_image ? 0 : source.size());
  if (start.plan_only()) pages.clear();
  for (size_t i = 0; i < pages.size(); ++i) {
    AddPage(static_cast<uint32_t>(i), is_image, pages[i].size(), events);
  }
  v1::RenderDone& done = *events.emplace_back().mutable_done();
  done.set_pages(static_cast<uint32_t>(pages.size()));
  done.set_characters(is_image ? 0 : source.size());
  done.mutable_diagnostics()->set_empty(empty);
  return events;
}

}  // namespace

// One Render call. All of it runs in reactions, which gRPC does not overlap but for OnCancel.
class FakeRenderService::Call final
    : public grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse> {
 public:
  explicit Call(FakeRenderService& service) : service_(service) { StartRead(&request_); }

 private:
  void OnReadDone(bool ok) override {
    if (ok) {
      if (request_.has_start()) start_ = request_.start();
      source_.append(request_.data());
      return StartRead(&request_);
    }
    {
      base::MutexLock lock(service_.mutex_);
      behaviour_ = service_.behaviour_;
      service_.starts_.push_back(start_);
      service_.last_source_ = source_;
    }
    events_ = EventsOf(start_, source_);
    SendNext();
  }

  void OnWriteDone(bool ok) override { ok ? SendNext() : End(grpc::Status::CANCELLED); }

  void OnCancel() override {
    {
      base::MutexLock lock(service_.mutex_);
      ++service_.num_cancelled_;
      service_.changed_.NotifyAll();
    }
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override { delete this; }

  void SendNext() {
    if (next_ == behaviour_.fail_after) return End(behaviour_.error);
    if (next_ == behaviour_.hang_after) return;
    if (next_ == events_.size()) return End(grpc::Status::OK);
    base::MutexLock lock(mutex_);
    if (!ended_) StartWrite(&events_[next_++]);
  }

  void End(const grpc::Status& status) {
    base::MutexLock lock(mutex_);
    if (!std::exchange(ended_, true)) Finish(status);
  }

  FakeRenderService& service_;
  v1::RenderRequest request_;
  v1::RenderStart start_;
  std::string source_;
  Behaviour behaviour_;
  std::vector<v1::RenderResponse> events_;
  size_t next_ = 0;
  base::Mutex mutex_;
  bool ended_ GLYPH_GUARDED_BY(mutex_) = false;
};

FakeRenderService::FakeRenderService(int port) {
  rpc::ServerOptions options;
  options.port = port;
  options.service_name = "glyph.v1.RenderService";
  options.drain = absl::ZeroDuration();
  auto server = rpc::ServerRunner::Start(options, {this});
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
  server_->SetServing(true);
}

FakeRenderService::~FakeRenderService() { server_.reset(); }

grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse>* FakeRenderService::Render(
    grpc::CallbackServerContext*) {
  return new Call(*this);
}

void FakeRenderService::SetBehaviour(Behaviour behaviour) {
  base::MutexLock lock(mutex_);
  behaviour_ = std::move(behaviour);
}

void FakeRenderService::SetServing(bool serving) { server_->SetServing(serving); }

std::string FakeRenderService::address() const {
  return absl::StrCat("127.0.0.1:", server_->port());
}

std::vector<v1::RenderStart> FakeRenderService::starts() const {
  base::MutexLock lock(mutex_);
  return starts_;
}

std::string FakeRenderService::last_source() const {
  base::MutexLock lock(mutex_);
  return last_source_;
}

bool FakeRenderService::WaitForCancelled(int count) {
  base::MutexLock lock(mutex_);
  while (num_cancelled_ < count) {
    if (!changed_.WaitFor(mutex_, std::chrono::seconds(10))) return false;
  }
  return true;
}

}  // namespace glyph::fakes
