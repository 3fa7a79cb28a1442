#pragma once
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

// The boxes of `map` in the order of the source: of every cluster, or of lines where the renderer
// sent no more. INTERNAL: a malformed map.
absl::StatusOr<std::vector<v1::SourceBox>> ReadSourceMap(const v1::SourceMap& map);

// `boxes` with those as one that follow each other side by side on a line.
std::vector<v1::SourceBox> JoinBoxes(const std::vector<v1::SourceBox>& boxes);

// Where `text`, which is not empty, stands on the page that `boxes` of `source` lie on: a box for
// each place, more for one that goes on on another line.
std::vector<v1::SourceBox> FindText(std::string_view source, std::string_view text,
                                    const std::vector<v1::SourceBox>& boxes);

}  // namespace glyph::gateway::cli
