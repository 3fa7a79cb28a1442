#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/weights/dtype.h"
#include "vlm_service/weights/mapped_file.h"

namespace glyph::vlm {

// A tensor as it lies in its file: row-major, little-endian, aligned to its element size.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;        // empty: a scalar
  std::span<const std::byte> bytes;  // read-only; valid as long as the Weights it comes from
};

// The tensors of a model folder: `model.safetensors`, or else the shards that
// `model.safetensors.index.json` names. Files are mapped, so opening reads only headers and bytes
// come into memory when first touched. Files with a sidecar (sha256_sidecar.h) are hashed
// meanwhile, each on a thread of its own; those without are not checked. Thread-safe but for
// AwaitChecks: nothing else changes after Open.
//   GLYPH_ASSIGN_OR_RETURN(auto weights, Weights::Open("/models/nano"));
//   GLYPH_ASSIGN_OR_RETURN(TensorView head, weights->Get("lm_head.weight"));
//   GLYPH_RETURN_IF_ERROR(weights->AwaitChecks());
class Weights {
 public:
  // NOT_FOUND: no weights, or a shard of the index is missing. INVALID_ARGUMENT: a malformed header
  // or index, a tensor that is not in the shard the index names, a tensor in two shards, a
  // malformed sidecar. Messages name file (without its folder) and tensor.
  static absl::StatusOr<std::unique_ptr<Weights>> Open(const std::string& model_dir);
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  // NOT_FOUND names the tensor.
  absl::StatusOr<TensorView> Get(std::string_view name) const;

  // Waits until every file with a sidecar is hashed; call once, before anything relies on the
  // bytes. DATA_LOSS names a file that is not the one its sidecar tells of.
  absl::Status AwaitChecks();

  std::vector<std::string> names() const;  // sorted

  // Elements of all tensors.
  int64_t num_parameters() const;

 private:
  struct Tensor {
    TensorView view;
    size_t file_index = 0;  // into files_
  };

  Weights() = default;

  absl::Status OpenSharded(const std::string& model_dir, const std::string& index_path);
  absl::Status AddFile(const std::string& path);

  std::vector<MappedFile> files_;
  std::vector<std::string> file_names_;  // of files_
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::vector<std::future<absl::Status>> checks_;  // read files_, so they end before these
};

}  // namespace glyph::vlm
