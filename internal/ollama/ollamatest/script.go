package ollamatest

import (
	"errors"
	"net/http"
	"time"
)

// Step is a part of a scripted answer.
type Step func(*exchange) error

// errOver ends a script early.
var errOver = errors.New("script is over")

// Wait lets time pass.
func Wait(d time.Duration) Step {
	return func(x *exchange) error { return x.wait(d) }
}

// Hang does nothing until the client leaves, as a wedged model does.
func Hang() Step {
	return func(x *exchange) error {
		<-x.r.Context().Done()
		return errOver
	}
}

// Pace waits before every later piece.
func Pace(d time.Duration) Step {
	return func(x *exchange) error {
		x.pace = d
		return nil
	}
}

// Answer does what the server usually does.
func Answer() Step {
	return func(x *exchange) error {
		x.route.usual(x)
		return nil
	}
}

// Say streams pieces, in the dialect of the route. Where no stream was asked for
// they are kept until Done, or until the script is over.
func Say(pieces ...string) Step {
	return func(x *exchange) error {
		for _, p := range pieces {
			if err := x.say(part{text: p}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Think streams thoughts, as Say does text.
func Think(pieces ...string) Step {
	return func(x *exchange) error {
		for _, p := range pieces {
			if err := x.say(part{thinking: p}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Call streams a call of a tool with arguments in JSON.
func Call(tool, arguments string) Step {
	return func(x *exchange) error {
		return x.say(part{calls: []toolCall{newCall(tool, []byte(arguments))}})
	}
}

// Done ends an answer; counts of 0 are left out of lines, as Ollama does.
func Done(reason string, promptTokens, completionTokens int) Step {
	return func(x *exchange) error {
		return x.say(part{done: true, reason: reason, promptTokens: promptTokens, tokens: completionTokens})
	}
}

// Line streams a line of any kind.
func Line(text string) Step { return Raw(text + "\n") }

// Raw streams text that need not be a line, nor anything.
func Raw(text string) Step {
	return func(x *exchange) error { return x.write(x.streamType(), []byte(text)) }
}

// Fail ends a stream with an error, as when a model's process dies. The dialects
// under /v1 tell it as a real server does there: not at all.
func Fail(message string) Step {
	return func(x *exchange) error {
		if err := x.wait(x.pace); err != nil {
			return err
		}
		return x.read().dialect.fail(message)
	}
}

// Body answers status 200 with a JSON body of any kind.
func Body(json []byte) Step {
	return func(x *exchange) error {
		x.header(http.StatusOK, contentJSON)
		_, err := x.w.Write(json)
		return err
	}
}

// Status answers with an error status.
func Status(status int, message string) Step {
	return func(x *exchange) error {
		x.refuse(status, message)
		return errOver
	}
}

// QueueFull answers as a model does that is loading and has a full queue.
func QueueFull() Step {
	return Status(http.StatusServiceUnavailable, "server busy, please try again.  maximum pending requests exceeded")
}

// Cut cuts the connection.
func Cut() Step {
	return func(*exchange) error { panic(http.ErrAbortHandler) }
}

// Until waits until the channel is closed, or the client leaves.
func Until(goOn <-chan struct{}) Step {
	return func(x *exchange) error {
		select {
		case <-goOn:
			return nil
		case <-x.r.Context().Done():
			return errOver
		}
	}
}
