// Package openapi embeds the OpenAPI description that is generated from the protos.
package openapi

import _ "embed"

// JSON is the document: OpenAPI 3.1.
//
//go:embed openapi.json
var JSON []byte
