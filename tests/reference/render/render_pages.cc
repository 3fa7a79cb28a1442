// Draws a text under a profile for compare_with_upstream.py:
//   render_pages --profile P.json|NAME --text FILE [--output DIR] [--repeat N] [--reference]
// leaves DIR/page_000.pgm ... and DIR/lines.json with the source range and the pens of every line,
// and prints the characters and the processor time of the fastest of N drawings as JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "render_service/pipeline/text_task.h"

namespace glyph::render {
namespace {

struct Arguments {
  std::string profile = "glyph-upstream";
  std::string text;
  std::string output;
  std::string fonts = "/usr/share/fonts";
  int repeat = 1;
  bool reference = false;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

double Seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void WritePage(const RenderedPage& page, const std::string& folder) {
  char name[32];
  std::snprintf(name, sizeof(name), "/page_%03u.pgm", page.index);
  std::ofstream file(folder + name, std::ios::binary);
  file << "P5\n" << page.width_px << ' ' << page.height_px << "\n255\n";
  file.write(reinterpret_cast<const char*>(page.pixels.data()),
             static_cast<std::streamsize>(page.pixels.size()));
}

// Draws all pages; `folder` may be empty. Returns the seconds taken.
double Draw(const std::string& text, const TextTaskOptions& options, const std::string& folder,
            WorkerTools& tools) {
  TextTask task(text, options);
  const double start = Seconds();
  while (true) {
    const RenderEvent event = task.Step(tools).value();
    if (const auto* page = std::get_if<RenderedPage>(&event); page != nullptr && !folder.empty()) {
      WritePage(*page, folder);
    }
    if (std::holds_alternative<RenderSummary>(event)) return Seconds() - start;
  }
}

void WriteLines(const std::string& text, const ResolvedProfile& profile, const std::string& path,
                WorkerTools& tools) {
  const SourceText source = SourceText::Create(text, false).value();
  DocumentLayout layout(source, profile.profile, {.max_pages = 256, .num_pages = 1});
  FontTools& font = *tools.ToolsFor(profile, layout.uses_han_font()).value();
  while (!layout.Advance(*font.shaper, nullptr, 65536).value()) {
  }
  nlohmann::json pages = nlohmann::json::array();
  for (const PageLayout& page : layout.pages()) {
    nlohmann::json lines = nlohmann::json::array();
    for (const PlacedLine& line : page.lines) {
      nlohmann::json pens = nlohmann::json::array();
      for (uint32_t i = line.first_glyph; i < line.end_glyph; ++i) {
        const PlacedGlyph& glyph = page.glyphs[i];
        pens.push_back({glyph.x + QuartersOf(glyph.id) / 4.0, glyph.y});
      }
      lines.push_back({{"begin", line.source_begin}, {"end", line.source_end}, {"pens", pens}});
    }
    pages.push_back(lines);
  }
  std::ofstream(path) << pages;
}

int Run(const Arguments& args) {
  const auto catalog = ProfileCatalog::Create(args.fonts).value();
  const auto profile = args.profile.ends_with(".json")
                           ? catalog->Resolve(ReadFile(args.profile)).value()
                           : catalog->Find(args.profile).value();
  const std::string text = ReadFile(args.text);
  const TextTaskOptions options = {
      .profile = profile,
      .max_pages = 256,
      .path = args.reference ? DrawingPath::kReference : DrawingPath::kFast};
  WorkerTools tools;
  double seconds = Draw(text, options, args.output, tools);
  for (int i = 1; i < args.repeat; ++i) seconds = std::min(seconds, Draw(text, options, "", tools));
  if (!args.output.empty()) WriteLines(text, *profile, args.output + "/lines.json", tools);
  std::printf(
      "{\"characters\": %llu, \"seconds\": %.6f}\n",
      static_cast<unsigned long long>(SourceText::Create(text, false).value().num_characters()),
      seconds);
  return 0;
}

}  // namespace
}  // namespace glyph::render

int main(int argc, char** argv) {
  glyph::render::Arguments args;
  CLI::App app;
  app.add_option("--profile", args.profile);
  app.add_option("--text", args.text)->required();
  app.add_option("--output", args.output);
  app.add_option("--fonts", args.fonts);
  app.add_option("--repeat", args.repeat);
  app.add_flag("--reference", args.reference);
  CLI11_PARSE(app, argc, argv);
  return glyph::render::Run(args);
}
