#include "vlm_service/weights/safetensors.h"

#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "vlm_service/weights/safetensors_header.h"
#include "vlm_service/weights/sha256_sidecar.h"
#include "vlm_service/weights/shard_index.h"

namespace glyph::vlm {
namespace {

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

}  // namespace

absl::StatusOr<std::unique_ptr<Weights>> Weights::Open(const std::string& model_dir) {
  auto weights = std::unique_ptr<Weights>(new Weights);
  const std::string single_path = absl::StrCat(model_dir, "/", kSingleFile);
  const std::string index_path = absl::StrCat(model_dir, "/", kIndexFile);
  if (Exists(single_path)) {
    GLYPH_RETURN_IF_ERROR(weights->AddFile(single_path));
  } else if (Exists(index_path)) {
    GLYPH_RETURN_IF_ERROR(weights->OpenSharded(model_dir, index_path));
  } else {
    return absl::NotFoundError(
        absl::StrCat("the model folder has neither ", kSingleFile, " nor ", kIndexFile));
  }
  return weights;
}

absl::Status Weights::OpenSharded(const std::string& model_dir, const std::string& index_path) {
  GLYPH_ASSIGN_OR_RETURN(const MappedFile index, MappedFile::Open(index_path));
  GLYPH_ASSIGN_OR_RETURN(const ShardIndex shards, ParseShardIndex(index.bytes(), kIndexFile));
  for (const auto& [shard, unused] : shards) {
    GLYPH_RETURN_IF_ERROR(AddFile(absl::StrCat(model_dir, "/", shard)));
  }
  for (const auto& [shard, names] : shards) {
    for (const std::string& name : names) {
      const auto found = tensors_.find(name);
      if (found == tensors_.end() || file_names_[found->second.file_index] != shard) {
        return absl::InvalidArgumentError(absl::StrCat(
            kIndexFile, ": tensor '", absl::CHexEscape(name), "' is not in the shard ", shard));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Weights::AddFile(const std::string& path) {
  const std::string file_name = FileName(path);
  GLYPH_ASSIGN_OR_RETURN(const std::optional<std::string> sha256, ReadSha256Sidecar(path));
  GLYPH_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  GLYPH_ASSIGN_OR_RETURN(std::vector<TensorEntry> entries,
                         ParseSafetensorsHeader(file.bytes(), file_name));
  for (TensorEntry& entry : entries) {
    Tensor tensor;
    tensor.view.dtype = entry.dtype;
    tensor.view.shape = std::move(entry.shape);
    tensor.view.bytes = file.bytes().subspan(entry.begin, entry.end - entry.begin);
    tensor.file_index = files_.size();
    const auto [position, inserted] = tensors_.emplace(std::move(entry.name), std::move(tensor));
    if (!inserted) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_name, ": tensor '", absl::CHexEscape(position->first),
                       "' is also in the shard ", file_names_[position->second.file_index]));
    }
  }
  files_.push_back(std::move(file));
  file_names_.push_back(file_name);
  if (sha256.has_value()) {
    checks_.push_back(
        std::async(std::launch::async, CheckSha256, files_.back().bytes(), file_name, *sha256));
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorView> Weights::Get(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::NotFoundError(
        absl::StrCat("the weights have no tensor '", std::string(name), "'"));
  }
  return found->second.view;
}

absl::Status Weights::AwaitChecks() {
  absl::Status status;
  for (std::future<absl::Status>& check : checks_) status.Update(check.get());
  return status;
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, unused] : tensors_) names.push_back(name);
  return names;
}

int64_t Weights::num_parameters() const {
  int64_t total = 0;
  for (const auto& [name, tensor] : tensors_) {
    total += static_cast<int64_t>(tensor.view.bytes.size()) / DTypeSize(tensor.view.dtype);
  }
  return total;
}

}  // namespace glyph::vlm
