// Serves tests/reference/tokenizer/compare_with_library.py: tokenizer_tool MODEL_DIR.
//
// Reads batches from stdin: one byte of command, u32 count, then `count` blocks of u32 size and
// bytes; answers a batch on stdout with as many blocks. Little-endian, ids as i32.
//   T text -> ids (EncodeText)     A text -> ids (EncodeWithAddedTokens)
//   D ids -> text (Decode)         S ids -> text (Decode without special tokens)
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "vlm_service/tokenizer/tokenizer.h"

namespace {

using glyph::vlm::Tokenizer;

template <typename T>
bool Read(T* values, size_t count) {
  return std::fread(values, sizeof(T), count, stdin) == count;
}

bool ReadBlock(std::string& block) {
  uint32_t size = 0;
  if (!Read(&size, 1)) return false;
  block.resize(size);
  return Read(block.data(), size);
}

void WriteBlock(const void* bytes, size_t size_bytes) {
  const auto size = static_cast<uint32_t>(size_bytes);
  std::fwrite(&size, sizeof(size), 1, stdout);
  std::fwrite(bytes, 1, size_bytes, stdout);
}

void Answer(const Tokenizer& tokenizer, char command, const std::string& block) {
  if (command == 'T' || command == 'A') {
    const std::vector<int32_t> ids =
        command == 'T' ? tokenizer.EncodeText(block) : tokenizer.EncodeWithAddedTokens(block);
    WriteBlock(ids.data(), ids.size() * sizeof(int32_t));
    return;
  }
  std::vector<int32_t> ids(block.size() / sizeof(int32_t));
  std::memcpy(ids.data(), block.data(), ids.size() * sizeof(int32_t));
  const std::string text = tokenizer.Decode(ids, /*skip_special=*/command == 'S');
  WriteBlock(text.data(), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const auto tokenizer = Tokenizer::Load(argv[1]);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().ToString().c_str());
    return 78;
  }
  char command = 0;
  while (Read(&command, 1)) {
    uint32_t count = 0;
    if (!Read(&count, 1)) return 65;
    std::vector<std::string> blocks(count);
    for (std::string& block : blocks) {
      if (!ReadBlock(block)) return 65;
    }
    for (const std::string& block : blocks) Answer(**tokenizer, command, block);
    std::fflush(stdout);
  }
  return 0;
}
