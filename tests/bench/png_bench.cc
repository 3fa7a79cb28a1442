// The gateway's PNG encoder beside libpng, on pages the renderer drew: texts at hand, or those of
// the command line. Prints processor time of one thread, the best of several rounds, and sizes.
//   build/release/tests/png_bench [TEXT_FILE...]
#include <png.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "gateway/png/gray_png_encoder.h"
#include "render_service/pipeline/text_task.h"

namespace glyph {
namespace {

constexpr int kRounds = 5;
constexpr uint32_t kMaxPages = 6;

struct Page {
  uint32_t width;
  uint32_t height;
  std::string pixels;
};

struct Result {
  double seconds = 0;
  size_t bytes = 0;
};

double Seconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// What libpng does when nobody asks for anything else: level 6, all filters.
size_t EncodeByLibpng(const Page& page) {
  static std::string file;
  file.clear();
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp self, png_bytep data, size_t size) {
        static_cast<std::string*>(png_get_io_ptr(self))
            ->append(reinterpret_cast<const char*>(data), size);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, page.width, page.height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, 6);
  png_write_info(png, info);
  for (size_t y = 0; y < page.height; ++y) {
    png_write_row(png, reinterpret_cast<png_const_bytep>(&page.pixels[y * page.width]));
  }
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file.size();
}

Result Measure(const std::vector<Page>& pages, const std::function<size_t(const Page&)>& encode) {
  Result best;
  for (int round = 0; round < kRounds; ++round) {
    size_t bytes = 0;
    const double start = Seconds();
    for (const Page& page : pages) bytes += encode(page);
    const double seconds = Seconds() - start;
    if (round == 0 || seconds < best.seconds) best = {seconds, bytes};
  }
  return best;
}

// The first pages of `text`.
std::vector<Page> Draw(const std::string& text, const render::ProfileCatalog& catalog) {
  render::WorkerTools tools;
  render::TextTask task(text, {.profile = catalog.Find("noto-1024").value(), .max_pages = 256});
  std::vector<Page> pages;
  while (pages.size() < kMaxPages) {
    const render::RenderEvent event = task.Step(tools).value();
    if (std::holds_alternative<render::RenderSummary>(event)) break;
    if (const auto* page = std::get_if<render::RenderedPage>(&event)) {
      pages.push_back({static_cast<uint32_t>(page->width_px),
                       static_cast<uint32_t>(page->height_px),
                       std::string(page->pixels.begin(), page->pixels.end())});
    }
  }
  return pages;
}

void Compare(const std::string& name, const std::string& text,
             const render::ProfileCatalog& catalog) {
  const std::vector<Page> pages = Draw(text, catalog);
  double megabytes = 0;
  for (const Page& page : pages) megabytes += static_cast<double>(page.pixels.size()) / 1e6;
  gateway::png::GrayPngEncoder encoder;
  const Result theirs = Measure(pages, EncodeByLibpng);
  const Result ours = Measure(pages, [&](const Page& page) {
    return encoder.Encode(page.width, page.height, page.pixels).size();
  });
  std::printf("| %-24s | %5zu | %8.1f | %8.1f | %5.1f | %9zu | %9zu | %5.3f |\n", name.c_str(),
              pages.size(), megabytes / theirs.seconds, megabytes / ours.seconds,
              theirs.seconds / ours.seconds, theirs.bytes, ours.bytes,
              static_cast<double>(ours.bytes) / static_cast<double>(theirs.bytes));
}

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Paragraphs as one line each, which fill pages from margin to margin.
std::string Flow(const std::string& text) {
  std::string flowed;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_space = text[i] == ' ' || text[i] == '\n';
    if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '\n') flowed += '\n';
    if (!is_space) {
      flowed += text[i];
    } else if (!flowed.empty() && flowed.back() != ' ' && flowed.back() != '\n') {
      flowed += ' ';
    }
  }
  return flowed;
}

// Ideographs by chance, of 3,000: nothing recurs often.
std::string Chinese() {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < 150'000) {
    const uint32_t c = 0x4E00 + random() % 3000;
    text += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
             static_cast<char>(0x80 | (c & 63))};
    if (random() % 60 == 0) text += "\xE3\x80\x82\n";
  }
  return text;
}

// Letters by chance: words do not recur.
std::string Letters() {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < 150'000) {
    for (size_t letters = 1 + random() % 9; letters > 0; --letters) {
      text += static_cast<char>('a' + random() % 26);
    }
    text += random() % 80 == 0 ? ".\n" : " ";
  }
  return text;
}

void Run(int argc, char** argv) {
  const auto catalog = render::ProfileCatalog::Create("/usr/share/fonts").value();
  std::puts(
      "| text | pages | libpng MB/s | ours MB/s | times | libpng bytes | ours bytes | size |");
  std::puts("|---|---|---|---|---|---|---|---|");
  for (int i = 1; i < argc; ++i) Compare(argv[i], Read(argv[i]), *catalog);
  if (argc > 1) return;
  const std::string license = Read("LICENSE");
  Compare("demo document", Read("deploy/demo_document.txt"), *catalog);
  Compare("licence", license, *catalog);
  Compare("licence, filled lines", Flow(license), *catalog);
  Compare("random letters", Letters(), *catalog);
  Compare("random ideographs", Chinese(), *catalog);
}

}  // namespace
}  // namespace glyph

int main(int argc, char** argv) { glyph::Run(argc, argv); }
