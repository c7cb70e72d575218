// A module of its own: the client's dependencies decide nothing of the program's.
module github.com/paddock-gate/paddock/internal/clients/goopenai

go 1.26.4

require github.com/sashabaranov/go-openai v1.43.0
