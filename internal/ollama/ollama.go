// Package ollama speaks with one Ollama server in its own terms: names, requests,
// answers and errors, streamed chat, embeddings and lists of models.
//
// It differs from the official client in what it does when things go wrong,
// which billing and audit depend on: an answer that breaks off is an error, the
// end of the caller's context is told apart from a failure of the server, every
// call has a deadline to its first byte, and every line and body has a bound.
// Requests carry no header but their own.
package ollama
