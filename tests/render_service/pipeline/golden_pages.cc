#include "tests/render_service/pipeline/golden_pages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "render_service/fonts/build_fingerprint.h"

namespace glyph::render {
namespace {

constexpr const char* kPath = "tests/golden/render/random_pages.txt";

}  // namespace

bool WritesGoldens() { return std::getenv("GLYPH_WRITE_GOLDENS") != nullptr; }

GoldenPages::GoldenPages() {
  if (WritesGoldens()) return;
  std::ifstream file(kPath);
  std::string fingerprint, hash;
  file >> fingerprint;
  EXPECT_EQ(fingerprint, base::ToHex(BuildFingerprint()))
      << kPath << " is of other versions of the libraries that draw; README.md, \"Goldens\"";
  for (int first = 0; file >> first >> hash;) hashes_[first] = hash;
}

void GoldenPages::Add(const RenderedPage& page) {
  hash_->Update(page.key).Update(
      std::string_view(reinterpret_cast<const char*>(page.pixels.data()), page.pixels.size()));
}

void GoldenPages::EndDocuments(int first) {
  const std::string hash = base::ToHex(hash_->Finish());
  hash_.emplace();
  if (WritesGoldens()) {
    hashes_[first] = hash;
  } else {
    EXPECT_EQ(hash, hashes_[first]) << "documents from " << first << " on";
  }
}

GoldenPages::~GoldenPages() {
  if (!WritesGoldens()) return;
  std::ofstream file(kPath);
  file << base::ToHex(BuildFingerprint()) << '\n';
  for (const auto& [first, hash] : hashes_) file << first << ' ' << hash << '\n';
}

}  // namespace glyph::render
