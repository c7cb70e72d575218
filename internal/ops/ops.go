// Package ops is what operators see of the server: its health, its metrics, its log and traces, and the documentation of
// the API. It also recovers from panics and bounds how long an answer may take to be read.
package ops
