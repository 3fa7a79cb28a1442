#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "vlm_service/ops/linear.h"
#include "vlm_service/weights/safetensors.h"

namespace glyph::vlm {

// Binds a checkpoint's tensors by name: checks type and shape and gives each in the model's type,
// as a view of the mapped file where it already has it and converted once where not. The first
// error is kept in status() and later getters give undefined tensors.
class WeightLoader {
 public:
  // `weights` must outlive the loader and, when maps_file(), every tensor it gave.
  WeightLoader(const Weights& weights, at::ScalarType type);

  // INVALID_ARGUMENT names the tensor, what was expected and what was found; NOT_FOUND the tensor.
  const absl::Status& status() const { return status_; }

  bool Has(const std::string& name) const;
  at::Tensor Get(const std::string& name, const std::vector<int64_t>& shape);
  // `prefix`.weight [out, in] and, with `bias`, `prefix`.bias [out].
  ops::LinearWeights Linear(const std::string& prefix, int64_t out, int64_t in, bool bias);

  bool maps_file() const { return maps_file_; }
  int64_t num_bytes() const { return num_bytes_; }  // of the tensors given

 private:
  std::string NameInFile(const std::string& name) const;

  const Weights& weights_;
  const at::ScalarType type_;
  const bool strip_prefix_;  // the file lacks the leading "model." of every name
  absl::Status status_;
  bool maps_file_ = false;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
