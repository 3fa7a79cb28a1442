#include "tests/render_service/pipeline/bench_texts.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>

namespace glyph::render {
namespace {

// More frequent words come first.
constexpr std::string_view kWords[] = {
    "the",       "of",      "and",     "to",         "a",        "in",       "that",
    "was",       "it",      "his",     "he",         "with",     "as",       "for",
    "had",       "is",      "not",     "on",         "be",       "at",       "by",
    "which",     "this",    "from",    "but",        "were",     "they",     "have",
    "all",       "one",     "their",   "would",      "there",    "been",     "when",
    "who",       "could",   "what",    "into",       "more",     "some",     "said",
    "no",        "little",  "then",    "them",       "before",   "must",     "about",
    "out",       "great",   "upon",    "though",     "himself",  "morning",  "house",
    "nothing",   "between", "country", "thought",    "question", "children", "government",
    "however",   "another", "letter",  "water",      "several",  "business", "important",
    "possible",  "because", "against", "themselves", "evening",  "remember", "interest",
    "particular"};

class Writer {
 public:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  std::string_view Word() {
    const auto count = static_cast<uint32_t>(std::size(kWords));
    return kWords[std::min({Below(count), Below(count), Below(count)})];
  }

  std::string Sentence() {
    std::string sentence(Word());
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
    for (uint32_t words = 6 + Below(20); words > 0; --words) {
      sentence += Below(9) == 0 ? ", " : " ";
      sentence += Below(60) == 0 ? std::to_string(1800 + Below(200)) : Word();
    }
    return sentence + ". ";
  }

  std::string Paragraph() {
    std::string paragraph;
    for (uint32_t sentences = 3 + Below(5); sentences > 0; --sentences) paragraph += Sentence();
    return paragraph + "\n\n";
  }

  std::string Ideograph() {
    const uint32_t c = 0x4E00 + std::min({Below(3000), Below(3000), Below(3000)});
    return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
            static_cast<char>(0x80 | (c & 63))};
  }

  std::string Table() {
    std::string table = "| name | count | share |\n|---|---:|---:|\n";
    for (uint32_t rows = 4 + Below(12); rows > 0; --rows) {
      table += "| " + std::string(Word()) + " | " + std::to_string(Below(100000)) + " | " +
               std::to_string(Below(100)) + "." + std::to_string(Below(10)) + "% |\n";
    }
    return table + "\n";
  }

  std::string Code() {
    std::string code = "```cpp\n";
    for (uint32_t lines = 5 + Below(20); lines > 0; --lines) {
      code += std::string(2 * Below(4), ' ') + "const auto " + std::string(Word()) +
              "_ = " + std::string(Word()) + "->" + std::string(Word()) + "(" +
              std::to_string(Below(1000)) + ");  // " + std::string(Word()) + "\n";
    }
    return code + "```\n\n";
  }

  std::string List() {
    std::string list;
    for (uint32_t items = 3 + Below(5); items > 0; --items) {
      list +=
          "- **" + std::string(Word()) + "**: `" + std::string(Word()) + "` " + Sentence() + "\n";
    }
    return list + "\n";
  }

 private:
  std::mt19937 random_ = std::mt19937(1);
};

}  // namespace

std::string EnglishProse(size_t bytes) {
  Writer writer;
  std::string text;
  while (text.size() < bytes) text += writer.Paragraph();
  return text;
}

std::string ChineseProse(size_t bytes) {
  Writer writer;
  std::string text;
  while (text.size() < bytes) {
    for (uint32_t clauses = 6 + writer.Below(12); clauses > 0; --clauses) {
      for (uint32_t length = 4 + writer.Below(12); length > 0; --length) text += writer.Ideograph();
      text += clauses == 1 || writer.Below(3) == 0 ? "\u3002" : "\uFF0C";
    }
    text += "\n";
  }
  return text;
}

std::string Markdown(size_t bytes) {
  Writer writer;
  std::string text;
  while (text.size() < bytes) {
    text += "## " + std::string(writer.Word()) + " " + std::string(writer.Word()) + "\n\n";
    text +=
        writer.Paragraph() + writer.Table() + writer.Paragraph() + writer.Code() + writer.List();
  }
  return text;
}

std::string Devanagari(size_t bytes) {
  std::string text;
  for (int words = 1; text.size() < bytes; ++words) {
    text += words % 3 == 0 ? "\u0926\u0941\u0928\u093F\u092F\u093E"
                           : "\u0928\u092E\u0938\u094D\u0924\u0947";
    text += words % 60 == 0 ? "\n" : " ";
  }
  return text;
}

std::string Arabic(size_t bytes) {
  constexpr const char* kWords[] = {"\u0645\u0631\u062D\u0628\u0627",
                                    "\u0641\u064A",
                                    "\u0627\u0644\u0639\u0627\u0644\u0645",
                                    "\u0645\u0646",
                                    "\u0627\u0644\u0643\u062A\u0627\u0628",
                                    "\u0661\u0669\u0668\u0664",
                                    "\u0639\u0644\u0649",
                                    "\u0627\u0644\u0645\u062F\u064A\u0646\u0629"};
  std::string text;
  for (size_t words = 1; text.size() < bytes; ++words) {
    text += kWords[words * 5 % std::size(kWords)];
    text += words % 80 == 0 ? "\n" : words % 11 == 0 ? "\u060C " : " ";
  }
  return text;
}

}  // namespace glyph::render
