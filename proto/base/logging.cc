#include "proto/base/logging.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "spdlog/sinks/rotating_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace glyph::base {
namespace {

constexpr char kPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("glyph", std::move(sink));
  logger->set_pattern(kPattern);
  logger->flush_on(spdlog::level::info);
  return logger;
}

// The default logger of spdlog is replaced once; spdlog guards it.
spdlog::logger& Logger() {
  static const bool installed = [] {
    if (spdlog::default_logger()->name() != "glyph") {
      spdlog::set_default_logger(MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    }
    return true;
  }();
  (void)installed;
  return *spdlog::default_logger_raw();
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      out += c;
    }
  }
  out += '"';
}

void Log(spdlog::level::level_enum level, std::string_view event, LogFields fields) {
  std::string line = "\"event\":";
  AppendQuoted(line, event);
  for (const auto& [name, value] : fields) {
    line += ',';
    AppendQuoted(line, name);
    line += ':';
    AppendQuoted(line, value);
  }
  Logger().log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

absl::Status OpenLog(const std::string& file, const LogRotation& rotation) {
  if (file.empty()) return absl::OkStatus();
  try {
    spdlog::set_default_logger(MakeLogger(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        file, rotation.max_file_bytes, rotation.max_old_files)));
  } catch (const spdlog::spdlog_ex&) {
    return absl::UnavailableError(
        absl::StrCat("cannot open the log file ", file, " for appending"));
  }
  return absl::OkStatus();
}

void LogInfo(std::string_view event, LogFields fields) { Log(spdlog::level::info, event, fields); }
void LogWarning(std::string_view event, LogFields fields) {
  Log(spdlog::level::warn, event, fields);
}
void LogError(std::string_view event, LogFields fields) { Log(spdlog::level::err, event, fields); }

}  // namespace glyph::base
