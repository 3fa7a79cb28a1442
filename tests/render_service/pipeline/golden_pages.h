#pragma once
#include <map>
#include <optional>
#include <string>

#include "proto/base/sha256.h"
#include "render_service/pipeline/render_event.h"

namespace glyph::render {

// Whether goldens are written, not compared: GLYPH_WRITE_GOLDENS is set.
bool WritesGoldens();

// SHA-256 of the keys and pixels of the pages of random documents, a line for each kDocuments, in
// tests/golden/render/random_pages.txt: every build of the same font and drawing libraries, which
// its first line names, makes the same bytes.
class GoldenPages {
 public:
  static constexpr int kDocuments = 100;

  // Fails the test when the file is of other libraries.
  GoldenPages();

  void Add(const RenderedPage& page);
  // Compares the hash of the pages since the last call with that of the documents from `first` on.
  void EndDocuments(int first);
  // Writes the hashes seen, if goldens are written.
  ~GoldenPages();

 private:
  std::map<int, std::string> hashes_;                // by first document
  std::optional<base::Sha256> hash_{std::in_place};  // of the pages since the last EndDocuments
};

}  // namespace glyph::render
