// Package ops serves those who operate the server: health, metrics, the log, traces, and the documentation of the API. Its handler
// Observe, which stands around all others, also recovers from panics and sets the deadlines of writes.
package ops
