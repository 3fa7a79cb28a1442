#include "gateway/http/models_call.h"

#include <memory>
#include <utility>

#include "gateway/http/error_object.h"
#include "gateway/http/json_text.h"
#include "gateway/http/model_check.h"

namespace glyph::gateway {
namespace {

// An answer must come even when vlm_service hangs.
constexpr absl::Duration kModelTimeout = absl::Seconds(5);

Json ObjectOf(const v1::Model& model) {
  return {{"id", model.name()},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "glyph"},
          {"max_model_len", model.context_tokens()},
          {"glyph",
           {{"dtype", model.dtype()},
            {"device", model.device()},
            {"num_parameters", model.num_parameters()}}}};
}

// Nothing runs for it but the question to vlm_service, which ends by itself.
class ModelCall final : public HttpCall {
 public:
  void OnGone() override {}
};

std::shared_ptr<HttpCall> AnswerWithModel(const ApiServices& services,
                                          std::shared_ptr<HttpReply> reply,
                                          std::function<HttpResponse(const v1::Model&)> respond) {
  services.models.Get(services.flow.now() + kModelTimeout,
                      [reply = std::move(reply),
                       respond = std::move(respond)](const absl::StatusOr<v1::Model>& model) {
                        reply->Send(model.ok() ? respond(*model) : ErrorResponse(model.status()));
                      });
  return std::make_shared<ModelCall>();
}

}  // namespace

HttpStarter ModelListStarter(const ApiServices& services) {
  return [&services](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    return AnswerWithModel(services, std::move(reply), [](const v1::Model& model) {
      const Json list = {{"object", "list"}, {"data", Json::array({ObjectOf(model)})}};
      return HttpResponse{200, "application/json", JsonText(list), {}};
    });
  };
}

HttpStarter ModelStarter(const ApiServices& services) {
  return [&services](const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    return AnswerWithModel(services, std::move(reply), [name](const v1::Model& model) {
      const absl::Status status = CheckModel(name, model);
      if (!status.ok()) return ErrorResponse(status);
      return HttpResponse{200, "application/json", JsonText(ObjectOf(model)), {}};
    });
  };
}

}  // namespace glyph::gateway
