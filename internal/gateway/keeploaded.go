package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// leastLoaded is the shortest keep_alive that goes upstream. A shorter one would unload the model.
const leastLoaded = time.Second

// readKeepAlive reads a keep_alive as Ollama does: a number of seconds, or a duration as Go writes it, of which those below 0
// are for ever.
func readKeepAlive(v []byte) (d time.Duration, ok bool) {
	if v[0] == '"' {
		d, err := time.ParseDuration(unquote(v))
		return d, err == nil
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(v)), 64)
	if err != nil {
		return 0, false
	}
	const most = float64(1<<63-1) / float64(time.Second) / 2
	return time.Duration(max(min(seconds, most), -most) * float64(time.Second)), true
}

// keepLoaded takes a keep_alive, as far as MaxKeepAlive allows. One that unloads the model is left out, and noted.
func (q *request) keepLoaded(m member, kept *[]member) error {
	d, ok := readKeepAlive(m.value)
	switch {
	case !ok:
		return invalid(m.key, "must be a number of seconds or a duration such as 10m")
	case d >= 0 && d < leastLoaded:
		q.unloads = true
		return nil
	case d < 0 || d > q.limits.MaxKeepAlive:
		m.value, _ = json.Marshal(q.limits.MaxKeepAlive.String()) // a string always marshals
	}
	*kept = append(*kept, m)
	return nil
}
