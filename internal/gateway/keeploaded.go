package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/paddock-gate/paddock/internal/rawjson"
)

// leastLoaded is the shortest keep_alive that goes upstream. A shorter one would unload the model.
const leastLoaded = time.Second

// usuallyLoaded is how long Ollama keeps a model for which no keep_alive is sent.
const usuallyLoaded = 5 * time.Minute

// readKeepAlive reads a keep_alive as Ollama does: a number of seconds, or a duration as Go writes it, of which those below 0
// are for ever.
func readKeepAlive(v []byte) (d time.Duration, ok bool) {
	if v[0] == '"' {
		d, err := time.ParseDuration(rawjson.Unquote(v))
		return d, err == nil
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(v)), 64)
	if err != nil {
		return 0, false
	}
	const most = float64(1<<63-1) / float64(time.Second) / 2
	return time.Duration(max(min(seconds, most), -most) * float64(time.Second)), true
}

// keepLoaded takes a keep_alive, as far as MaxKeepAlive allows. One that would unload a model that others use is left out where
// the model is prompted, and where it is not, and so asked for nothing else, it is refused or left out.
func (q *request) keepLoaded(m rawjson.Member) error {
	d, ok := readKeepAlive(m.Value)
	switch {
	case !ok:
		return invalid(m.Key, "must be a number of seconds or a duration such as 10m")
	case d >= 0 && d < leastLoaded && !q.prompt.Given:
		return invalid(m.Key, "models are not unloaded through this server")
	case d >= 0 && d < leastLoaded, d >= 0 && d < usuallyLoaded && !q.prompt.Given:
		return nil
	case d < 0 || d > q.limits.MaxKeepAlive:
		m.Value, _ = json.Marshal(q.limits.MaxKeepAlive.String()) // a string always marshals
	}
	q.fields = append(q.fields, m)
	return nil
}
