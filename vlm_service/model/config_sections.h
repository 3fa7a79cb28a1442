#pragma once
#include "vlm_service/model/json_fields.h"
#include "vlm_service/model/model_config.h"

// The parts of a model folder's configuration, one function a section. Errors go to the fields'
// status. Defaults are those of Hugging Face's classes; the rules that are not obvious are cited.
namespace glyph::vlm {

TextConfig ReadTextConfig(const JsonFields& fields);
VisionConfig ReadVisionConfig(const JsonFields& fields);
GenerationDefaults ReadGenerationDefaults(const JsonFields& fields);

// Preprocessing as Glm4vImageProcessor does it. Fills `pages` and `pixels`.
void ReadPreprocessor(const JsonFields& fields, ModelConfig& config);

}  // namespace glyph::vlm
