#include "vlm_service/model/exception_cause.h"

#include "c10/util/Exception.h"

namespace glyph::vlm {

std::string CauseOf(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

}  // namespace glyph::vlm
