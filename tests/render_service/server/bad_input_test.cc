// Every input a client may send that is not a plain document: code, reason and field of the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "render_service/server/render_request.h"
#include "render_service/text/source_text.h"
#include "tests/render_service/server/render_test_server.h"

namespace glyph::render {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Repeat(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

// A start message for text after `change` of its RenderStart.
template <typename Change>
v1::RenderRequest Start(Change change) {
  v1::RenderRequest request = StartText();
  change(*request.mutable_start());
  return request;
}

std::vector<v1::RenderRequest> Chunks(v1::RenderRequest start, const std::string& bytes) {
  std::vector<v1::RenderRequest> requests = {std::move(start)};
  for (size_t i = 0; i < bytes.size(); i += kMaxChunkBytes) {
    requests.push_back(Data(bytes.substr(i, kMaxChunkBytes)));
  }
  return requests;
}

struct Row {
  std::string name;
  std::vector<v1::RenderRequest> requests;
  std::string reason;  // empty: OK
  std::string field;
};

std::vector<Row> EncodingRows() {
  std::vector<Row> rows;
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"lone continuation byte", "\x80"},
           {"overlong NUL", "\xC0\x80"},
           {"overlong slash", "\xE0\x80\xAF"},
           {"surrogate", "\xED\xA0\x80"},
           {"above U+10FFFF", "\xF4\x90\x80\x80"},
           {"byte FF", "\xFF"},
           {"cut tail", "abc\xE6\x96"},
           {"Latin-1", "na\xEFve"},
           {"UTF-16", std::string("\xFF\xFEh\0i\0", 6)}}) {
    rows.push_back({name, {StartText(), Data(text)}, "INVALID_UTF8", "document.text"});
    rows.push_back(
        {name + ", lenient",
         {Start([](v1::RenderStart& start) { start.mutable_options()->set_lenient_utf8(true); }),
          Data(text)},
         "",
         ""});
  }
  return rows;
}

std::vector<Row> TextRows() {
  std::vector<Row> rows;
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"empty", ""},
           {"spaces", "    "},
           {"byte-order mark", "\xEF\xBB\xBF"},
           {"newlines of every kind", "\r\n\r\n\n\r\xC2\x85\xE2\x80\xA8\xE2\x80\xA9"},
           {"controls", std::string("\0\1\2\x1B\x7F\xC2\x80\xC2\x9F", 9)},
           {"byte-order mark inside", "a\xEF\xBB\xBFz"},
           {"noncharacters", "\xEF\xBF\xBE\xEF\xBF\xBF\xF4\x8F\xBF\xBF"},
           {"private use", "\xEE\x80\x80\xF3\xB0\x80\x80"},
           {"unassigned", "\xCD\xB8\xF0\x9F\xBF\xBF"},
           {"tags", "x\xF3\xA0\x80\x81\xF3\xA0\x81\x81"},
           {"zero width", "a\xE2\x80\x8B\xE2\x80\x8C\xE2\x80\x8D\xE2\x81\xA0z"},
           {"variation selectors", "\xE2\x9D\xA4\xEF\xB8\x8F\xE8\x91\x9B\xF3\xA0\x84\x80"},
           {"marks on one base", std::string("a") + Repeat("\xCC\x81", 2000)},
           {"marks on nothing", Repeat("\xCC\x81", 100)},
           {"emoji joined", Repeat("\xF0\x9F\x91\xA9\xE2\x80\x8D", 500)},
           {"bidi overrides", Repeat("\xE2\x80\xAE", 200) + "abc" + Repeat("\xE2\x80\xAB", 200)},
           {"right to left", "abc \xD7\x90\xD7\x91 \xD8\xA8\xD8\xA7 123 \xD7\x92"},
           {"Indic and Thai", "\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7\xE0\xB8\x81\xE0\xB8\xB3"},
           {"CJK extension B", "\xF0\xA0\x80\x80\xF0\xA4\xAD\xA2"},
           {"conjoining jamo", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"},
           {"tabs", std::string(2000, '\t')},
           {"carriage returns", std::string(5000, '\r') + "b"},
           {"markup", Repeat("<!--", 500) + Repeat("[", 500) + Repeat(">", 500)},
           {"special tokens", "<|image|><|begin_of_image|><|user|>"}}) {
    rows.push_back({name, {StartText(), Data(text)}, "", ""});
  }
  return rows;
}

void SetLanguage(const std::string& language, v1::RenderOptions& options) {
  options.set_profile("noto-1024");
  options.set_language(language);
}

std::vector<Row> OptionRows() {
  const auto options = [](auto change) {
    return Start([&](v1::RenderStart& start) { change(*start.mutable_options()); });
  };
  std::vector<Row> rows = {
      {"max_pages 0", {options([](auto& o) { o.set_max_pages(0); })}, "", ""},
      {"max_pages 1", {options([](auto& o) { o.set_max_pages(1); })}, "", ""},
      {"max_pages 255", {options([](auto& o) { o.set_max_pages(255); })}, "", ""},
      {"max_pages 256", {options([](auto& o) { o.set_max_pages(256); })}, "", ""},
      {"max_pages 257",
       {options([](auto& o) { o.set_max_pages(257); })},
       "MAX_PAGES_OUT_OF_RANGE",
       "render.max_pages"},
      {"max_pages 2^32-1",
       {options([](auto& o) { o.set_max_pages(0xFFFFFFFF); })},
       "MAX_PAGES_OUT_OF_RANGE",
       "render.max_pages"},
      {"dpi 72", {options([](auto& o) { o.set_dpi(72); })}, "", ""},
      {"dpi 120", {options([](auto& o) { o.set_dpi(120); })}, "", ""},
      {"dpi 119", {options([](auto& o) { o.set_dpi(119); })}, "DPI_OUT_OF_RANGE", "render.dpi"},
      {"dpi 121", {options([](auto& o) { o.set_dpi(121); })}, "DPI_OUT_OF_RANGE", "render.dpi"},
      {"dpi 2^32-1",
       {options([](auto& o) { o.set_dpi(0xFFFFFFFF); })},
       "DPI_OUT_OF_RANGE",
       "render.dpi"},
      {"language zh-Hant", {options([](auto& o) { SetLanguage("zh-Hant", o); })}, "", ""},
      {"language zh",
       {options([](auto& o) { SetLanguage("zh", o); })},
       "LANGUAGE_UNKNOWN",
       "render.language"},
      {"language of 1 MiB",
       {options([](auto& o) { SetLanguage(std::string(1 << 20, 'j'), o); })},
       "LANGUAGE_UNKNOWN",
       "render.language"},
      {"language of a profile without",
       {options([](auto& o) { o.set_language("ja"); })},
       "LANGUAGE_UNKNOWN",
       "render.language"},
      {"too many pages",
       {options([](auto& o) { o.set_max_pages(1); }), Data(Repeat("a\n", 14))},
       "TOO_MANY_PAGES",
       "document.text"},
      {"as many pages as allowed",
       {options([](auto& o) { o.set_max_pages(1); }), Data(Repeat("a\n", 13))},
       "",
       ""},
      {"no profile",
       {options([](auto& o) { o.clear_profile(); })},
       "PROFILE_AMBIGUOUS",
       "render.profile"},
      {"two profiles",
       {options([](auto& o) { o.set_profile_json("{}"); })},
       "PROFILE_AMBIGUOUS",
       "render.profile"},
      {"unknown profile",
       {options([](auto& o) { o.set_profile("../nano"); })},
       "PROFILE_UNKNOWN",
       "render.profile"},
      {"long profile name",
       {options([](auto& o) { o.set_profile(std::string(65, 'x')); })},
       "PROFILE_UNKNOWN",
       "render.profile"}};
  for (const std::string json :
       {"{}", "[]", "x", "{\"font_size_px\": NaN}", "{\"page_width_px\": 1}"}) {
    rows.push_back({"profile_json " + json,
                    {options([&](auto& o) {
                      o.clear_profile();
                      o.set_profile_json(json);
                    })},
                    "PROFILE_INVALID",
                    "render.profile_json"});
  }
  for (const size_t size : {size_t{64 << 10}, size_t{(64 << 10) + 1}}) {
    const std::string nano = ReadFile("deploy/models/nano/render_profile.json");
    rows.push_back({"profile_json of " + std::to_string(size),
                    {options([&](auto& o) {
                      o.clear_profile();
                      o.set_profile_json(nano + std::string(size - nano.size(), ' '));
                    })},
                    size > 64 << 10 ? "PROFILE_INVALID" : "",
                    size > 64 << 10 ? "render.profile_json" : ""});
  }
  return rows;
}

std::vector<Row> ProtocolRows() {
  const auto start = [](auto change) { return Start(change); };
  std::vector<Row> rows = {
      {"nothing", {}, "START_EXPECTED", "start"},
      {"empty message", {v1::RenderRequest()}, "START_EXPECTED", "start"},
      {"data first", {Data("x"), StartText()}, "START_EXPECTED", "start"},
      {"start twice", {StartText(), StartText()}, "START_REPEATED", "start"},
      {"kind unset",
       {start([](v1::RenderStart& s) { s.clear_kind(); })},
       "KIND_UNKNOWN",
       "start.kind"},
      {"kind unknown",
       {start([](v1::RenderStart& s) { s.set_kind(v1::SourceKind(99)); })},
       "KIND_UNKNOWN",
       "start.kind"},
      {"request_id 128",
       {start([](v1::RenderStart& s) { s.set_request_id(std::string(128, 'r')); })},
       "",
       ""},
      {"request_id 129",
       {start([](v1::RenderStart& s) { s.set_request_id(std::string(129, 'r')); })},
       "REQUEST_ID_INVALID",
       "request_id"},
      {"request_id newline",
       {start([](v1::RenderStart& s) { s.set_request_id("a\nb"); })},
       "REQUEST_ID_INVALID",
       "request_id"},
      {"chunk of 1 MiB",
       {StartImage(), Data(std::string(kMaxChunkBytes, 'x'))},
       "IMAGE_UNSUPPORTED",
       "image.data"},
      {"chunk of 1 MiB + 1",
       {StartImage(), Data(std::string(kMaxChunkBytes + 1, 'x'))},
       "CHUNK_TOO_LARGE",
       "data"}};
  for (const size_t size : {kMaxSourceBytes - 1, kMaxSourceBytes, kMaxSourceBytes + 1}) {
    const bool fits = size <= kMaxSourceBytes;
    const std::string name = std::to_string(size);
    rows.push_back({"text of " + name, Chunks(StartText(), std::string(size, '\n')),
                    fits ? "" : "INPUT_TOO_LARGE", fits ? "" : "document.text"});
    rows.push_back({"image of " + name, Chunks(StartImage(), std::string(size, '\n')),
                    fits ? "IMAGE_UNSUPPORTED" : "INPUT_TOO_LARGE", "image.data"});
  }
  return rows;
}

std::vector<Row> ImageRows() {
  const std::string folder = "tests/golden/images/";
  const std::string png = ReadFile(folder + "rgb8.png");
  std::string wrong_checksum = png;
  wrong_checksum[wrong_checksum.size() - 20] ^= 1;
  std::string bomb = png;
  bomb[16] = 1;  // the width in the header: 16,777,216 + 37
  std::vector<Row> rows = {
      {"PNG", {StartImage(), Data(png)}, "", ""},
      {"16-bit PNG", {StartImage(), Data(ReadFile(folder + "rgb16.png"))}, "", ""},
      {"interlaced PNG", {StartImage(), Data(ReadFile(folder + "rgb_interlaced.png"))}, "", ""},
      {"animated PNG", {StartImage(), Data(ReadFile(folder + "animated.png"))}, "", ""},
      {"data after IEND", {StartImage(), Data(ReadFile(folder + "trailing_data.png"))}, "", ""},
      {"no bytes", {StartImage()}, "IMAGE_CORRUPT", "image.data"},
      {"cut PNG",
       {StartImage(), Data(png.substr(0, png.size() / 2))},
       "IMAGE_CORRUPT",
       "image.data"},
      {"wrong checksum", {StartImage(), Data(wrong_checksum)}, "IMAGE_CORRUPT", "image.data"},
      {"bomb", {StartImage(), Data(bomb)}, "IMAGE_TOO_LARGE", "image.data"},
      {"animated WebP",
       {StartImage(), Data(ReadFile(folder + "animated.webp"))},
       "IMAGE_UNSUPPORTED",
       "image.data"},
      {"GIF", {StartImage(), Data("GIF89a")}, "IMAGE_UNSUPPORTED", "image.data"},
      {"SVG", {StartImage(), Data("<svg/>")}, "IMAGE_UNSUPPORTED", "image.data"}};
  return rows;
}

TEST(BadInputTest, EveryRowGetsItsAnswer) {
  RenderTestServer server;
  for (const auto& rows : {EncodingRows(), TextRows(), OptionRows(), ProtocolRows(), ImageRows()}) {
    for (const Row& row : rows) {
      const RenderOutcome outcome = server.Render(row.requests);
      const std::string message = outcome.status.error_message();
      EXPECT_EQ(outcome.reason, row.reason) << row.name << ": " << message;
      EXPECT_EQ(outcome.field, row.field) << row.name;
      EXPECT_EQ(outcome.status.error_code(),
                row.reason.empty() ? grpc::StatusCode::OK : grpc::StatusCode::INVALID_ARGUMENT)
          << row.name;
      EXPECT_EQ(outcome.dones.size(), row.reason.empty() ? 1u : 0u) << row.name;
      for (const char* leak : {"0x", "/usr/", "/home/", ".cc", "what()"}) {
        EXPECT_THAT(message, testing::Not(testing::HasSubstr(leak))) << row.name;
      }
    }
  }
}

TEST(BadInputTest, ErrorsNameTheByteThatIsNotUtf8) {
  RenderTestServer server;
  EXPECT_THAT(server.RenderText("abc\x80").status.error_message(), testing::HasSubstr("byte 3 "));
}

TEST(BadInputTest, LenientTextIsCounted) {
  RenderTestServer server;
  const RenderOutcome outcome = server.Render(
      {Start([](v1::RenderStart& start) { start.mutable_options()->set_lenient_utf8(true); }),
       Data("a\x80\xE6\x96z")});
  EXPECT_EQ(outcome.dones[0].diagnostics().replaced_bytes(), 3u);
  EXPECT_EQ(outcome.dones[0].characters(), 4u);
}

}  // namespace
}  // namespace glyph::render
