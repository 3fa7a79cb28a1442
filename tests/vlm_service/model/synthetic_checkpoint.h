#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Checkpoints and pages that follow from a seed, as tests/reference/model/synthetic_checkpoint.py
// computes them: Hugging Face answered the same weights.

// Copies the configuration of tests/golden/model/`name` to a fresh folder below the test's
// temporary one and writes the weights its tensors.json describes there. Returns the folder.
std::string MakeSyntheticModel(const std::string& name);

// The page `name` of the goldens: RGB, or its first channel alone as gray. An upload.
PageImage SyntheticPage(const std::string& name, uint64_t seed, int32_t width, int32_t height,
                        int32_t channels = 3);

// The seed of tests/golden/model/`name`.
uint64_t SyntheticSeed(const std::string& name);

// One tensor of a safetensors file that a test writes itself.
struct FileTensor {
  std::string name;
  std::string dtype;  // as safetensors names it
  std::vector<int64_t> shape;
  std::string bytes;
};

// The tensors of a folder of one file, to be changed and written back.
std::vector<FileTensor> ReadTensors(const std::string& folder);

// Replaces the folder's one file.
void WriteTensors(const std::string& folder, const std::vector<FileTensor>& tensors);

void WriteSafetensors(const std::string& file, const std::vector<FileTensor>& tensors);

}  // namespace glyph::vlm
