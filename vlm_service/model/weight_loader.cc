#include "vlm_service/model/weight_loader.h"

#include <algorithm>

#include "ATen/ops/cat.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace glyph::vlm {
namespace {

constexpr char kModelPrefix[] = "model.";

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::optional<at::ScalarType> ScalarTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return at::kFloat;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kF16:
      return at::kHalf;
    default:
      return std::nullopt;
  }
}

// Names of a checkpoint of the whole model begin with "model.", those of its base model alone do
// not; transformers loads both.
bool IsBaseModel(const Weights& weights) {
  return !weights.Get("model.language_model.norm.weight").ok() &&
         weights.Get("language_model.norm.weight").ok();
}

}  // namespace

WeightLoader::WeightLoader(const Weights& weights, at::ScalarType type, Ops& ops)
    : weights_(weights), type_(type), ops_(ops), strip_prefix_(IsBaseModel(weights)) {}

std::string WeightLoader::NameInFile(const std::string& name) const {
  return std::string(strip_prefix_ ? absl::StripPrefix(name, kModelPrefix) : name);
}

bool WeightLoader::Has(const std::string& name) const {
  return weights_.Get(NameInFile(name)).ok();
}

at::Tensor WeightLoader::Mapped(const std::string& name, const std::vector<int64_t>& shape) {
  if (!status_.ok()) return {};
  const absl::StatusOr<TensorView> view = weights_.Get(NameInFile(name));
  if (!view.ok()) {
    status_ = view.status();
    return {};
  }
  const std::optional<at::ScalarType> file_type = ScalarTypeOf(view->dtype);
  if (!file_type.has_value()) {
    status_ = absl::InvalidArgumentError(absl::StrCat(
        "tensor ", name, " has type ", DTypeName(view->dtype), "; expected F32, BF16 or F16"));
    return {};
  }
  if (view->shape != shape) {
    status_ =
        absl::InvalidArgumentError(absl::StrCat("tensor ", name, " has shape ", Shape(view->shape),
                                                "; config.json expects ", Shape(shape)));
    return {};
  }
  // The mapping is read-only and nothing writes to weights; from_blob has no const form.
  return at::from_blob(const_cast<std::byte*>(view->bytes.data()), shape, at::dtype(*file_type));
}

at::Tensor WeightLoader::Get(const std::string& name, const std::vector<int64_t>& shape) {
  const at::Tensor mapped = Mapped(name, shape);
  if (!mapped.defined()) return {};
  const at::Tensor tensor = ops_.Keep(mapped.to(type_));
  maps_file_ = maps_file_ || tensor.data_ptr() == mapped.data_ptr();
  num_bytes_ += static_cast<int64_t>(tensor.nbytes());
  return tensor;
}

ops::LinearWeights WeightLoader::Linear(const std::vector<LinearPart>& parts, int64_t inputs) {
  std::vector<at::Tensor> weights;
  std::vector<at::Tensor> biases;
  const bool has_bias = std::ranges::any_of(parts, &LinearPart::bias);
  for (const LinearPart& part : parts) {
    weights.push_back(Mapped(absl::StrCat(part.prefix, ".weight"), {part.outputs, inputs}));
    if (part.bias) {
      biases.push_back(Mapped(absl::StrCat(part.prefix, ".bias"), {part.outputs}));
    } else if (has_bias) {
      biases.push_back(at::zeros({part.outputs}, at::dtype(type_)));
    }
  }
  if (!status_.ok()) return {};
  return Pack(weights.size() == 1 ? weights.front() : at::cat(weights),
              has_bias ? at::cat(biases) : at::Tensor());
}

ops::LinearWeights WeightLoader::Pack(const at::Tensor& weight, const at::Tensor& bias) {
  if (!weight.defined()) return {};
  ops::LinearWeights packed = ops_.KeepLinear(weight, bias, type_);
  num_bytes_ += static_cast<int64_t>(packed.panels.nbytes());
  if (packed.bias.defined()) num_bytes_ += static_cast<int64_t>(packed.bias.nbytes());
  return packed;
}

}  // namespace glyph::vlm
