#include "gateway/http/openapi_document.h"

#include "gateway/http/json_text.h"

namespace glyph::gateway {
namespace {

// `version` is filled in. Paths: api_routes.cc.
constexpr char kDocument[] = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "glyph-serve",
    "description": "Long documents are read as pictures of their pages. Chat completions follow OpenAI's API; extensions: content parts of the type document, the field render, the answer's fields glyph and reasoning_content.",
    "version": ""
  },
  "paths": {
    "/v1/chat/completions": {
      "post": {
        "summary": "Answers a conversation, whole or as server-sent events.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}}},
        "responses": {
          "200": {
            "description": "A chat.completion object, or with stream: true events of chat.completion.chunk and [DONE].",
            "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {"type": "string"}}}
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/models": {
      "get": {
        "summary": "Lists the one model.",
        "responses": {"200": {"description": "The list.", "content": {"application/json": {"schema": {"type": "object"}}}}, "default": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/v1/models/{id}": {
      "get": {
        "summary": "Describes the model.",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
        "responses": {"200": {"description": "The model.", "content": {"application/json": {"schema": {"type": "object"}}}}, "default": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/v1/render": {
      "post": {
        "summary": "Draws a text; lines of JSON: render.plan, a render.page for each page, render.done.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TextRequest"}}}},
        "responses": {"200": {"description": "The pages.", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, "default": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/v1/estimate": {
      "post": {
        "summary": "Tells how many pages and tokens a text would take, without drawing it.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TextRequest"}}}},
        "responses": {"200": {"description": "pages, visual_tokens (bounds unless exact), characters, text_tokens, compression_ratio.", "content": {"application/json": {"schema": {"type": "object"}}}}, "default": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/healthz": {"get": {"summary": "The process answers.", "responses": {"200": {"description": "It does."}}}},
    "/readyz": {"get": {"summary": "Every service behind the gateway answers, or restarts.", "responses": {"200": {"description": "The body says which answer now."}, "503": {"description": "One is away for long, or the gateway is going."}}}},
    "/openapi.json": {"get": {"summary": "This document.", "responses": {"200": {"description": "OpenAPI 3.1."}}}}
  },
  "security": [{}, {"key": []}],
  "components": {
    "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Where the gateway has a key file: everything but /healthz and /readyz."}},
    "responses": {
      "Error": {
        "description": "What is wrong and what to do. 401: no key, or an unknown one. 429 and 503 come with Retry-After; every answer has x-request-id.",
        "content": {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "object", "properties": {"message": {"type": "string"}, "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": "string"}}}}}}}
      }
    },
    "schemas": {
      "TextRequest": {
        "type": "object",
        "required": ["text"],
        "properties": {
          "text": {"type": "string", "description": "At most 16 MiB of UTF-8."},
          "profile": {"type": "string", "maxLength": 64, "description": "A render profile; default: the model's."},
          "max_pages": {"type": "integer", "minimum": 1, "maximum": 256}
        }
      },
      "ChatRequest": {
        "type": "object",
        "required": ["messages"],
        "properties": {
          "model": {"type": "string", "description": "The id of /v1/models; may be left out."},
          "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
          "stream": {"type": "boolean", "default": false},
          "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
          "max_tokens": {"type": "integer", "minimum": 1},
          "max_completion_tokens": {"type": "integer", "minimum": 1, "description": "The same."},
          "temperature": {"type": "number", "minimum": 0, "maximum": 2},
          "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
          "top_k": {"type": "integer", "minimum": 0},
          "min_p": {"type": "number", "minimum": 0, "maximum": 1},
          "repetition_penalty": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
          "frequency_penalty": {"type": "number", "minimum": -2, "maximum": 2},
          "presence_penalty": {"type": "number", "minimum": -2, "maximum": 2},
          "seed": {"type": "integer"},
          "n": {"type": "integer", "minimum": 1, "maximum": 8},
          "stop": {"oneOf": [{"type": "string"}, {"type": "array", "maxItems": 4, "items": {"type": "string"}}], "description": "Each 1 to 256 bytes."},
          "logit_bias": {"type": "object", "maxProperties": 1024, "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}},
          "render": {
            "description": "Which texts of the user are drawn as pages. auto: those of more than threshold characters. The question, a last paragraph of at most 1,000 characters, stays text.",
            "oneOf": [
              {"enum": ["auto", "always", "never"]},
              {"type": "object", "properties": {"mode": {"enum": ["auto", "always", "never"], "default": "auto"}, "threshold": {"type": "integer", "minimum": 0, "maximum": 16777216, "default": 2000}, "profile": {"type": "string", "maxLength": 64}, "max_pages": {"type": "integer", "minimum": 1, "maximum": 256}}}
            ]
          }
        }
      },
      "Message": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
          "role": {"enum": ["system", "developer", "user", "assistant"]},
          "content": {"oneOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Part"}}]}
        }
      },
      "Part": {
        "oneOf": [
          {"type": "object", "required": ["type", "text"], "properties": {"type": {"const": "text"}, "text": {"type": "string"}}},
          {"type": "object", "required": ["type", "document"], "properties": {"type": {"const": "document"}, "document": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "description": "Becomes pages; at most 16 MiB of UTF-8."}}}}},
          {"type": "object", "required": ["type", "image_url"], "properties": {"type": {"const": "image_url"}, "image_url": {"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "description": "data:image/png;base64,... (or jpeg, webp); nothing is fetched."}}}}}
        ]
      }
    }
  }
})json";

}  // namespace

std::string OpenApiDocument() {
  Json document = Json::parse(kDocument, nullptr, /*allow_exceptions=*/false);
  document["info"]["version"] = GLYPH_VERSION;
  return JsonText(document);
}

}  // namespace glyph::gateway
