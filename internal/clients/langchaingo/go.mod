// A module of its own: the client's dependencies decide nothing of the program's.
module github.com/paddock-gate/paddock/internal/clients/langchaingo

go 1.26.4

require github.com/tmc/langchaingo v0.1.14

require (
	github.com/dlclark/regexp2 v1.10.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkoukk/tiktoken-go v0.1.6 // indirect
)
