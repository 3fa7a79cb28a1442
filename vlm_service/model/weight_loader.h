#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "vlm_service/ops/ops.h"
#include "vlm_service/weights/safetensors.h"

namespace glyph::vlm {

// Rows of a linear map: `prefix`.weight [outputs, inputs] and, with `bias`, `prefix`.bias
// [outputs].
struct LinearPart {
  std::string prefix;
  int64_t outputs;
  bool bias;
};

// Binds a checkpoint's tensors by name: checks type and shape and gives each in the model's type to
// where the operations keep it; on the processor as a view of the mapped file where it already has
// the type. The first error is kept in status() and later getters give undefined tensors.
class WeightLoader {
 public:
  // `ops` and `weights` must outlive the loader and, when maps_file(), every tensor it gave.
  WeightLoader(const Weights& weights, at::ScalarType type, Ops& ops);

  // INVALID_ARGUMENT names the tensor, what was expected and what was found; NOT_FOUND the tensor.
  const absl::Status& status() const { return status_; }

  bool Has(const std::string& name) const;
  at::Tensor Get(const std::string& name, const std::vector<int64_t>& shape);
  // A view of the mapped file, in the file's type.
  at::Tensor Mapped(const std::string& name, const std::vector<int64_t>& shape);
  // One linear map of the parts' outputs in turn; packed, so that it does not hold the file.
  ops::LinearWeights Linear(const std::vector<LinearPart>& parts, int64_t inputs);
  // Packs weight [outputs, inputs]; either may be undefined.
  ops::LinearWeights Pack(const at::Tensor& weight, const at::Tensor& bias);

  bool maps_file() const { return maps_file_; }
  int64_t num_bytes() const { return num_bytes_; }  // of the tensors given

 private:
  std::string NameInFile(const std::string& name) const;

  const Weights& weights_;
  const at::ScalarType type_;
  Ops& ops_;
  const bool strip_prefix_;  // the file lacks the leading "model." of every name
  absl::Status status_;
  bool maps_file_ = false;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
