#include "tests/render_service/pipeline/random_text.h"

#include <cstdlib>

namespace glyph::render {
namespace {

constexpr const char* kLineEnds[] = {"\n", "\n", "\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"};
constexpr const char* kSpaces[] = {" ",    " ",  " ",      " ",      " ",      " ",      "  ",
                                   "    ", "\t", "\u00A0", "\u3000", "\u2003", "\u202F", ""};
constexpr const char* kLatin[] = {"don't",
                                  "\u201Cquote\u201D",
                                  "\u2018single\u2019",
                                  "\"straight\"",
                                  "well-known",
                                  "e.g.",
                                  "https://example.org/a/b?c=1&d=%20#e",
                                  "name@example.org",
                                  "3.14",
                                  "1,234.56",
                                  "$5",
                                  "50%",
                                  "\u20AC12",
                                  "-7",
                                  "2024-01-02",
                                  "12:30",
                                  "(a)",
                                  "[1]",
                                  "{x}",
                                  "f(x)",
                                  "a/b",
                                  "1/2",
                                  "...",
                                  "\u2026",
                                  "\u2014",
                                  "a\u2014b",
                                  "\u2013",
                                  "\u2010",
                                  "non\u2011breaking",
                                  "caf\u00E9",
                                  "na\u00EFve",
                                  "\u00DCber",
                                  "\u0141\u00F3d\u017A",
                                  "\u041F\u0440\u0438\u0432\u0435\u0442",
                                  "\u03B1\u03B2\u03B3",
                                  "\u2192",
                                  "\u2500\u2502",
                                  "\u00A9",
                                  "\u2122",
                                  "#",
                                  "*",
                                  "**bold**",
                                  "`code`",
                                  "|",
                                  "---",
                                  "C++",
                                  "%$#",
                                  "($1)",
                                  "100)%",
                                  "1.)",
                                  ",5",
                                  "\u00B11",
                                  "\u2116",
                                  "\u00A7 5",
                                  "\u00BFqu\u00E9?",
                                  "!?"};
constexpr const char* kWidePunctuation[] = {
    "\uFF0C", "\u3002", "\u3001", "\uFF1A",       "\uFF1B",       "\uFF01", "\uFF1F",
    "\u300C", "\u300D", "\u300E", "\u300F",       "\uFF08",       "\uFF09", "\u300A",
    "\u300B", "\u3010", "\u3011", "\u2014\u2014", "\u2026\u2026", "\u30FB", "\u30FC",
    "\u3005", "\uFF5E", "\u201C", "\u201D",       "\uFF05",       "\uFFE5"};
constexpr const char* kComplex[] = {"e\u0301",
                                    "a\u0308\u0323",
                                    "\u0301",
                                    "o\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
                                    "\u05E9\u05DC\u05D5\u05DD",
                                    "\u0645\u0631\u062D\u0628\u0627",
                                    "\u0661\u0662\u0663",
                                    "\u0928\u092E\u0938\u094D\u0924\u0947",
                                    "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35",
                                    "\u0645\u0631\u062D\u0628\u0627 (abc) 12",
                                    "(\u05E9\u05DC\u05D5\u05DD) [x]",
                                    "\u05E9\u05B8\u05C1\u05DC\u05D5\u05B9\u05DD",
                                    "\u0644\u0627 \u0643\u0650\u062A\u064E\u0627\u0628\u064C",
                                    "\u0915\u094D\u0937\u093F",
                                    "\u09AC\u09BE\u0982\u09B2\u09BE",
                                    "\u0BA4\u0BAE\u0BBF\u0BB4\u0BCD",
                                    "\u0C24\u0C46\u0C32\u0C41\u0C17\u0C41",
                                    "\u1797\u17B6\u179F\u17B6\u1781\u17D2\u1798\u17C2\u179A",
                                    "\u0E9E\u0EB2\u0EAA\u0EB2\u0EA5\u0EB2\u0EA7",
                                    "\u1019\u103C\u1014\u103A\u1019\u102C",
                                    "\u10E5\u10D0\u10E0\u10D7\u10E3\u10DA\u10D8",
                                    "\u0540\u0561\u0575\u0565\u0580\u0565\u0576",
                                    "\u12A0\u121B\u122D\u129B",
                                    "\U0001D49C\u222D",
                                    "\u26B2",
                                    "\U0001F468\U0001F3FD",
                                    "\U0001F600",
                                    "\U0001F468\u200D\U0001F469",
                                    "\u2764\uFE0F",
                                    "\U0001F1E9\U0001F1EA",
                                    "1\uFE0F\u20E3",
                                    "\x01",
                                    "\x1B[0m",
                                    "\u200B",
                                    "\u200D",
                                    "soft\u00ADhyphen",
                                    "\uFEFF",
                                    "\u202Eabc\u202C",
                                    "\u1112\u1161\u11AB",
                                    "\u304B\u3099",
                                    "1\u20442",
                                    "hyphen\u2027ation",
                                    "\U00020000",
                                    "\u231A",
                                    "\x80",
                                    "\xC3",
                                    "\xE4\xB8",
                                    "\xF0\x9F\x98",
                                    "\xED\xA0\x80",
                                    "\xC0\xAF",
                                    "\xE0\x80\xAF"};

const char* const kMarkers[] = {"# ",
                                "### ",
                                "- ",
                                "  - ",
                                "12. ",
                                "123456789. ",
                                "> ",
                                "> > ",
                                "```\n",
                                "~~~\n",
                                "    ",
                                "***\n",
                                "\u4E00\u3001",
                                "\uFF08\u4E8C\uFF09",
                                "| a | bc |\n|---|--:|\n| \u6587 | d | e |\n| ",
                                "a\tb\tc\nd\t\te\n",
                                "- \n",
                                "- > 1. "};

std::string Utf8(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
  return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
          static_cast<char>(0x80 | (c & 63))};
}

}  // namespace

int NumRandomDocuments() {
  const char* count = std::getenv("GLYPH_RANDOM_DOCUMENTS");
#ifdef __SANITIZE_THREAD__
  constexpr int kDefault = 30;  // one thread draws them
#else
  constexpr int kDefault = 300;
#endif
  return count != nullptr ? std::atoi(count) : kDefault;
}

std::string RandomText::Document() {
  std::string text = Below(20) == 0 ? "\xEF\xBB\xBF" : "";
  // Of one kind, or of all.
  const uint32_t kind = Below(6);
  const bool has_structure = Below(3) == 0;
  for (uint32_t lines = 1 + Below(12); lines > 0; --lines) {
    const uint32_t of_line = kind < 4 ? kind : Below(4);
    if (has_structure && Below(3) > 0) text += OneOf(kMarkers);
    text += Line(static_cast<Kind>(of_line));
    do {
      if (lines > 1) text += OneOf(kLineEnds);
    } while (Below(6) == 0);
  }
  return text;
}

std::string RandomText::Line(Kind kind) {
  std::string line = Below(6) == 0 ? OneOf(kSpaces) + OneOf(kSpaces) : "";
  const uint32_t length = Below(40) == 0 ? 3000 : Below(8) == 0 ? 400 : 40;
  for (uint32_t words = Below(length); words > 0; --words) {
    line += Word(kind);
    if (kind != Kind::kWide || Below(10) == 0) line += OneOf(kSpaces);
  }
  return line;
}

std::string RandomText::Word(Kind kind) {
  if (kind == Kind::kMixed || kind == Kind::kComplex) {
    if (kind == Kind::kComplex && Below(8) == 0) return OneOf(kComplex);
    kind = Below(2) == 0 ? Kind::kPlain : Kind::kWide;
  }
  std::string word;
  if (kind == Kind::kPlain) {
    if (Below(4) == 0) return OneOf(kLatin) + (Below(8) == 0 ? OneOf(kLatin) : "");
    uint32_t length = 1 + Below(9);
    if (Below(60) == 0) length = 1 + Below(300);
    const bool is_ascii = Below(12) == 0;  // any printable character
    for (; length > 0; --length) word += Utf8(is_ascii ? Between('!', '~') : Between('a', 'z'));
    return word + (Below(8) == 0 ? "," : "");
  }
  if (Below(4) == 0) return OneOf(kWidePunctuation);
  const uint32_t script = Below(8);
  for (uint32_t length = 1 + Below(8); length > 0; --length) {
    word += Utf8(script == 0   ? Between(0x3041, 0x3096)
                 : script == 1 ? Between(0x30A1, 0x30FA)
                 : script == 2 ? Between(0xAC00, 0xD7A3)
                 : script == 3 ? Between(0xFF01, 0xFF9F)
                 : script == 4 ? Between(0x2010, 0x2BFF)
                 : script == 5 ? Between(0x3000, 0x33FF)
                               : Between(0x4E00, 0x9FFF));
  }
  return word;
}

}  // namespace glyph::render
