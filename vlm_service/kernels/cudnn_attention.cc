#include "vlm_service/kernels/cudnn_attention.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <unordered_map>
#include <utility>

#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

#include "absl/strings/str_cat.h"

namespace glyph::vlm::kernels {
namespace {

namespace fe = cudnn_frontend;
using Spec = CudnnAttentionSpec;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

constexpr int64_t kHeadDim = 128;

// Names of a graph's tensors that carry data.
enum Uid : int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kRowsQ,
  kRowsK,
  kTableK,
  kTableV,
};

absl::StatusCode ToCode(fe::error_code_t code) {
  switch (code) {
    case fe::error_code_t::OK:
      return absl::StatusCode::kOk;
    case fe::error_code_t::GRAPH_NOT_SUPPORTED:
    case fe::error_code_t::HEURISTIC_QUERY_FAILED:
    case fe::error_code_t::GRAPH_EXECUTION_PLAN_CREATION_FAILED:
      return absl::StatusCode::kUnimplemented;
    case fe::error_code_t::ATTRIBUTE_NOT_SET:
    case fe::error_code_t::INVALID_VALUE:
    case fe::error_code_t::INVALID_VARIANT_PACK:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

std::string LastError() {
  char text[1024] = "";
  cudnnGetLastErrorString(text, sizeof(text));
  return text;
}

// `call` returns what the frontend returns; its errors and exceptions become a status.
template <typename Call>
absl::Status Guarded(const Spec& spec, const char* what, Call call) {
  try {
    fe::error_t error = call();
    if (error.is_good()) return absl::OkStatus();
    const std::string last = LastError();
    return absl::Status(ToCode(error.get_code()),
                        absl::StrCat("cuDNN attention (", ToString(spec), "), ", what, ": ",
                                     error.get_message(), last.empty() ? "" : "; ", last));
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("cuDNN attention (", ToString(spec), "), ", what, ": ", error.what()));
  } catch (...) {
    return absl::InternalError(
        absl::StrCat("cuDNN attention (", ToString(spec), "), ", what, ": unknown exception"));
  }
}

bool IsAligned(const Spec::Strides& strides) {
  constexpr int64_t kValues = 8;  // of 16 bytes
  return strides.row % kValues == 0 && strides.head % kValues == 0;
}

absl::Status Check(const Spec& spec) {
  const bool paged = spec.block_tokens > 0;
  const bool known = spec.heads > 0 && spec.kv_heads > 0 && spec.heads % spec.kv_heads == 0 &&
                     spec.rows_q > 0 && spec.rows_k > 0 &&
                     std::max(spec.rows_q, spec.rows_k) <= INT32_MAX && IsAligned(spec.q) &&
                     IsAligned(spec.k) && IsAligned(spec.v) && IsAligned(spec.out);
  if (!known || (paged && (spec.rows == Spec::Rows::kExact || spec.num_blocks <= 0))) {
    return absl::InvalidArgumentError(
        absl::StrCat("cuDNN attention (", ToString(spec), "): sizes do not fit together"));
  }
  return absl::OkStatus();
}

fe::graph::Tensor_attributes Named(const char* name, Uid uid) {
  return fe::graph::Tensor_attributes().set_name(name).set_uid(uid);
}

Tensor Integers(fe::graph::Graph& graph, const char* name, Uid uid, int64_t count) {
  return graph.tensor(Named(name, uid)
                          .set_dim({count, 1, 1, 1})
                          .set_stride({1, 1, 1, 1})
                          .set_data_type(fe::DataType_t::INT32));
}

// A [rows, heads, 128] tensor of one sequence, seen as [1, heads, rows, 128].
Tensor Dense(fe::graph::Graph& graph, const char* name, Uid uid, int32_t heads, int64_t rows,
             const Spec::Strides& strides) {
  return graph.tensor(Named(name, uid)
                          .set_dim({1, heads, rows, kHeadDim})
                          .set_stride({rows * strides.row, strides.head, strides.row, 1}));
}

Tensor Cache(fe::graph::Graph& graph, const Spec& spec, const char* name, Uid uid,
             const Spec::Strides& strides) {
  return graph.tensor(Named(name, uid)
                          .set_dim({spec.num_blocks, spec.kv_heads, spec.block_tokens, kHeadDim})
                          .set_stride({spec.block_stride, strides.head, strides.row, 1}));
}

Tensor Table(fe::graph::Graph& graph, const Spec& spec, const char* name, Uid uid) {
  const int64_t size = spec.table_size();
  return graph.tensor(Named(name, uid)
                          .set_dim({1, 1, size, 1})
                          .set_stride({size, size, 1, 1})
                          .set_data_type(fe::DataType_t::INT32));
}

fe::graph::SDPA_attributes Options(fe::graph::Graph& graph, const Spec& spec) {
  auto options = fe::graph::SDPA_attributes()
                     .set_name("attention")
                     .set_generate_stats(false)
                     .set_attn_scale(1.0f / std::sqrt(static_cast<float>(kHeadDim)));
  if (spec.mask != Spec::Mask::kFull) {
    options
        .set_diagonal_alignment(spec.mask == Spec::Mask::kCausal
                                    ? fe::DiagonalAlignment_t::TOP_LEFT
                                    : fe::DiagonalAlignment_t::BOTTOM_RIGHT)
        .set_diagonal_band_right_bound(0);
  }
  if (spec.rows != Spec::Rows::kExact) {
    options.set_padding_mask(true)
        .set_seq_len_q(Integers(graph, "rows_q", kRowsQ, 1))
        .set_seq_len_kv(Integers(graph, "rows_k", kRowsK, 1));
  }
  if (spec.block_tokens > 0) {
    options.set_paged_attention_k_table(Table(graph, spec, "table_k", kTableK))
        .set_paged_attention_v_table(Table(graph, spec, "table_v", kTableV))
        .set_paged_attention_max_seq_len_kv(static_cast<int>(spec.rows_k));
  }
  return options;
}

void Describe(fe::graph::Graph& graph, const Spec& spec) {
  graph.set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  const bool paged = spec.block_tokens > 0;
  const Tensor q = Dense(graph, "q", kQ, spec.heads, spec.rows_q, spec.q);
  const Tensor k = paged ? Cache(graph, spec, "k", kK, spec.k)
                         : Dense(graph, "k", kK, spec.kv_heads, spec.rows_k, spec.k);
  const Tensor v = paged ? Cache(graph, spec, "v", kV, spec.v)
                         : Dense(graph, "v", kV, spec.kv_heads, spec.rows_k, spec.v);
  const Tensor out = graph.sdpa(q, k, v, Options(graph, spec))[0];
  out->set_output(true)
      .set_uid(kOut)
      .set_dim({1, spec.heads, spec.rows_q, kHeadDim})
      .set_stride({spec.rows_q * spec.out.row, spec.out.head, spec.out.row, 1});
}

std::unordered_map<int64_t, void*> Pointers(const Spec& spec, const CudnnAttentionArgs& args) {
  std::unordered_map<int64_t, void*> pointers = {{kQ, const_cast<void*>(args.q)},
                                                 {kK, const_cast<void*>(args.k)},
                                                 {kV, const_cast<void*>(args.v)},
                                                 {kOut, args.out}};
  if (spec.block_tokens > 0) {
    pointers[kTableK] = pointers[kTableV] = const_cast<int32_t*>(args.block_table);
  }
  if (spec.rows == Spec::Rows::kExact) return pointers;
  auto* rows = const_cast<CudnnAttentionRows*>(args.rows);
  pointers[kRowsQ] = &rows->rows_q;
  pointers[kRowsK] = &rows->rows_k;
  return pointers;
}

}  // namespace

struct CudnnAttention::Plan {
  CudnnAttentionSpec spec;
  fe::graph::Graph graph;
  CudnnAttentionPlan facts;
  int64_t last_use = 0;
};

absl::StatusOr<std::unique_ptr<CudnnAttention>> CudnnAttention::Create(int max_plans) {
  cudnnHandle_t handle = nullptr;
  if (const cudnnStatus_t status = cudnnCreate(&handle); status != CUDNN_STATUS_SUCCESS) {
    return absl::UnavailableError(absl::StrCat("cuDNN ", cudnnGetVersion(), " cannot start: ",
                                               cudnnGetErrorString(status), "; ", LastError()));
  }
  return std::unique_ptr<CudnnAttention>(new CudnnAttention(handle, std::max(max_plans, 1)));
}

CudnnAttention::CudnnAttention(cudnnContext* handle, int max_plans)
    : handle_(handle), max_plans_(max_plans) {}

CudnnAttention::~CudnnAttention() {
  plans_.clear();
  cudnnDestroy(handle_);
}

absl::StatusOr<CudnnAttention::Plan*> CudnnAttention::FindOrBuild(const CudnnAttentionSpec& spec) {
  ++num_uses_;
  for (const auto& plan : plans_) {
    if (plan->spec != spec) continue;
    plan->last_use = num_uses_;
    return plan.get();
  }
  if (absl::Status status = Check(spec); !status.ok()) return status;
  auto plan = std::make_unique<Plan>();
  plan->spec = spec;
  plan->last_use = num_uses_;
  const absl::Status built = Guarded(spec, "building", [&]() -> fe::error_t {
    Describe(plan->graph, spec);
    if (fe::error_t error = plan->graph.build(handle_, {fe::HeurMode_t::A}); error.is_bad()) {
      return error;
    }
    plan->facts.num_candidates = plan->graph.get_execution_plan_count();
    if (fe::error_t error = plan->graph.get_plan_name(plan->facts.name); error.is_bad()) {
      return error;
    }
    return plan->graph.get_workspace_size(plan->facts.workspace_bytes);
  });
  if (!built.ok()) return built;
  if (plans_.size() == static_cast<size_t>(max_plans_)) {
    plans_.erase(std::min_element(plans_.begin(), plans_.end(), [](const auto& a, const auto& b) {
      return a->last_use < b->last_use;
    }));
  }
  plans_.push_back(std::move(plan));
  return plans_.back().get();
}

absl::StatusOr<CudnnAttentionPlan> CudnnAttention::Prepare(const CudnnAttentionSpec& spec) {
  absl::StatusOr<Plan*> plan = FindOrBuild(spec);
  if (!plan.ok()) return plan.status();
  return (*plan)->facts;
}

absl::Status CudnnAttention::Run(const CudnnAttentionSpec& spec, const CudnnAttentionArgs& args,
                                 cudaStream_t stream) {
  absl::StatusOr<Plan*> plan = FindOrBuild(spec);
  if (!plan.ok()) return plan.status();
  return Guarded(spec, "running", [&]() -> fe::error_t {
    if (const cudnnStatus_t status = cudnnSetStream(handle_, stream);
        status != CUDNN_STATUS_SUCCESS) {
      return {fe::error_code_t::HANDLE_ERROR, cudnnGetErrorString(status)};
    }
    std::unordered_map<int64_t, void*> pointers = Pointers(spec, args);
    return (*plan)->graph.execute(handle_, pointers, args.workspace);
  });
}

}  // namespace glyph::vlm::kernels
