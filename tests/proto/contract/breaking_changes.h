#pragma once
#include <string>
#include <vector>

#include "google/protobuf/descriptor.pb.h"

namespace glyph::contract {

// What in `current` breaks a client generated from `baseline`, one line each; empty when nothing
// does. Additions are no break. A break is: a message, field, oneof, enum, enum value, service or
// rpc that is gone; a field whose name, number, type, cardinality, presence or oneof changed; an
// enum value or rpc that means something else.
std::vector<std::string> BreakingChanges(const google::protobuf::FileDescriptorSet& baseline,
                                         const google::protobuf::FileDescriptorSet& current);

}  // namespace glyph::contract
