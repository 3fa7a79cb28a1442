#include "gateway/keys/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHash = base::ToHex(base::Sha256().Update("secret").Finish());

// The hash of the key "number".
std::string HashOf(size_t number) {
  return base::ToHex(base::Sha256().Update(absl::StrCat(number)).Finish());
}

std::string ErrorOf(const std::string& text) {
  const absl::Status status = ParseKeyFile(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << text;
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "KEY_FILE_INVALID");
  return std::string(status.message());
}

TEST(KeyFileTest, ReadsNamesHashesAndLimits) {
  const auto entries =
      ParseKeyFile("# who may ask\n\n\talice  " + kHash + " \r\nbob.2 " + HashOf(2) +
                   " tokens_per_minute=1000 in_flight=4 requests_per_minute=60\n");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(entries->at(0).name, "alice");
  EXPECT_EQ(base::ToHex(entries->at(0).digest), kHash);
  EXPECT_EQ(entries->at(0).limits.in_flight, 0);
  EXPECT_EQ(entries->at(1).name, "bob.2");
  EXPECT_EQ(entries->at(1).limits.in_flight, 4);
  EXPECT_EQ(entries->at(1).limits.requests_per_minute, 60);
  EXPECT_EQ(entries->at(1).limits.tokens_per_minute, 1000);
}

TEST(KeyFileTest, TakesEveryLimitUpToItsEnds) {
  for (const auto& [name, max] : {std::pair("in_flight", kMaxInFlight),
                                  std::pair("requests_per_minute", kMaxRequestsPerMinute),
                                  std::pair("tokens_per_minute", kMaxTokensPerMinute)}) {
    for (const auto& [value, good] :
         {std::pair(int64_t{0}, false), std::pair(int64_t{1}, true), std::pair(max - 1, true),
          std::pair(max, true), std::pair(max + 1, false), std::pair(int64_t{-1}, false)}) {
      const std::string line = absl::StrCat("a ", kHash, " ", name, "=", value, "\n");
      EXPECT_EQ(ParseKeyFile(line).ok(), good) << line;
    }
  }
  EXPECT_THAT(ErrorOf("a " + kHash + " in_flight=10001\n"),
              HasSubstr("line 1 of the key file: in_flight is 10001; it must be 1 to 10000"));
}

TEST(KeyFileTest, SaysWhichLineIsWrongAndWhy) {
  const std::string good = "a " + kHash;
  for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
           {"b", "the hash is missing"},
           {"b " + HashOf(1).substr(1), "the hash has 63 bytes"},
           {"b " + HashOf(1) + "0", "the hash has 65 bytes"},
           {"b " + HashOf(1).substr(1) + "G", "lower-case hexadecimal"},
           {"b/c " + HashOf(1), "letters, digits"},
           {"b " + HashOf(1) + " in_flight", "is no limit"},
           {"b " + HashOf(1) + " in_flight=", "in_flight is no number"},
           {"b " + HashOf(1) + " in_flight=+1", "in_flight is no number"},
           {"b " + HashOf(1) + " in_flight=99999999999999999999", "it must be 1 to 10000"},
           {"b " + HashOf(1) + " streams=1", "is no limit"},
           {"b " + HashOf(1) + " in_flight=1 in_flight=1", "in_flight comes twice"},
           {"a " + HashOf(1), "its name stands on an earlier line"},
           {"b " + kHash, "its hash stands on an earlier line"}}) {
    const std::string error = ErrorOf(good + "\n" + line + "\n");
    EXPECT_THAT(error, HasSubstr("line 2 of the key file"));
    EXPECT_THAT(error, HasSubstr(why));
  }
}

TEST(KeyFileTest, RepeatsNothingThatMayBeAKey) {
  EXPECT_THAT(ErrorOf("glyph-cafe\n"), Not(HasSubstr("cafe")));
  EXPECT_THAT(ErrorOf("a glyph-cafe\n"), Not(HasSubstr("cafe")));
  EXPECT_THAT(ErrorOf("a " + kHash + " glyph-cafe\n"), Not(HasSubstr("cafe")));
  EXPECT_THAT(ErrorOf("a " + kHash + " in_flight=cafe\n"), Not(HasSubstr("cafe")));
}

TEST(KeyFileTest, RefusesAFileThatHoldsNoKeyOrIsHalfWritten) {
  for (const char* text : {"", "\n", "# nobody\n"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("holds no key"));
  }
  EXPECT_THAT(ErrorOf("a " + kHash + " in_flight=1"), HasSubstr("half written"));
}

TEST(KeyFileTest, TakesNamesUpTo64BytesAndAThousandKeys) {
  EXPECT_TRUE(ParseKeyFile(std::string(63, 'n') + " " + kHash + "\n").ok());
  EXPECT_TRUE(ParseKeyFile(std::string(64, 'n') + " " + kHash + "\n").ok());
  EXPECT_THAT(ErrorOf(std::string(65, 'n') + " " + kHash + "\n"), HasSubstr("has 65 bytes"));
  std::string text;
  for (size_t i = 1; i < kMaxKeys; ++i) absl::StrAppend(&text, "k", i, " ", HashOf(i), "\n");
  EXPECT_EQ(ParseKeyFile(text)->size(), kMaxKeys - 1);
  text += "last " + kHash + "\n";
  EXPECT_EQ(ParseKeyFile(text)->size(), kMaxKeys);
  EXPECT_THAT(ErrorOf(text + "more " + HashOf(0) + "\n"), HasSubstr("at most 1000"));
}

TEST(KeyFileTest, ReadsRegularFilesOfAtMostAMebibyteThatNotEverybodyMayWrite) {
  const std::string path = ::testing::TempDir() + "key_file_test_" + std::to_string(getpid());
  const auto reason = [&] { return rpc::GetErrorDetails(ReadKeyFile(path).status()).reason; };
  EXPECT_EQ(reason(), "KEY_FILE_UNREADABLE");  // missing
  mkfifo(path.c_str(), 0600);
  EXPECT_EQ(reason(), "KEY_FILE_UNREADABLE");
  EXPECT_EQ(rpc::GetErrorDetails(ReadKeyFile("/dev/zero").status()).reason, "KEY_FILE_UNREADABLE");
  EXPECT_EQ(rpc::GetErrorDetails(ReadKeyFile("/tmp").status()).reason, "KEY_FILE_UNREADABLE");
  std::filesystem::remove(path);
  for (const size_t size : {kMaxKeyFileBytes - 1, kMaxKeyFileBytes}) {
    std::ofstream(path) << std::string(size, 'x');
    EXPECT_EQ(ReadKeyFile(path)->size(), size);
  }
  std::ofstream(path) << std::string(kMaxKeyFileBytes + 1, 'x');
  EXPECT_EQ(reason(), "KEY_FILE_INVALID");
  std::ofstream(path) << "x";
  chmod(path.c_str(), 0606);
  EXPECT_EQ(reason(), "KEY_FILE_INVALID");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace glyph::gateway
