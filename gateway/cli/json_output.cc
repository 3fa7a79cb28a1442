#include "gateway/cli/json_output.h"

#include <cstdio>
#include <string>

#include "google/protobuf/util/json_util.h"

namespace glyph::gateway::cli {

void PrintJsonLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string line;
  // Fails for well-known types with values out of their range only; our messages hold none.
  const auto status = google::protobuf::util::MessageToJsonString(message, &line, options);
  if (status.ok()) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void PrintJsonLine(const nlohmann::ordered_json& value) {
  using nlohmann::ordered_json;
  std::printf("%s\n", value.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

}  // namespace glyph::gateway::cli
