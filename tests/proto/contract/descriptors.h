#pragma once
#include <string>

#include "google/protobuf/descriptor.pb.h"

namespace glyph::contract {

// proto/glyph/v1 as protoc reads it now, comments included.
google::protobuf::FileDescriptorSet CurrentContract();

// proto/baseline.binpb: the contract of the last release, without comments.
google::protobuf::FileDescriptorSet BaselineContract();

}  // namespace glyph::contract
