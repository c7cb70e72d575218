package ollamatest

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// unpack decodes a body that was sent as zstd to a route that takes it so: that
// of Responses, and all under /v1 on newer servers.
func (s *Server) unpack(r *http.Request, body []byte) ([]byte, *refusal) {
	v1 := strings.HasPrefix(r.URL.Path, "/v1/") && s.isNewer()
	if r.Header.Get("Content-Encoding") != "zstd" || r.URL.Path != "/v1/responses" && !v1 {
		return body, nil
	}
	reader, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderMaxMemory(8<<20))
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "failed to decompress zstd body"}
	}
	defer reader.Close()
	unpacked, err := io.ReadAll(reader)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	return unpacked, nil
}
