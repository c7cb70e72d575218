package ollamatest

import (
	"encoding/json"
	"fmt"
	"time"
)

func (a *responsesAnswer) part(p part) error {
	return a.send(a.eventsOf(p)...)
}

// fail writes nothing of the error, as a real server does.
func (a *responsesAnswer) fail(string) error { return a.part(part{}) }

// responseEvent is an event of a stream, numbered when it is sent.
type responseEvent struct {
	name   string
	fields object
}

func (a *responsesAnswer) send(events ...responseEvent) error {
	for _, e := range events {
		e.fields["type"], e.fields["sequence_number"] = e.name, a.events
		a.events++
		if err := a.x.event(e.name, e.fields); err != nil {
			return err
		}
	}
	return nil
}

// eventsOf returns what a part makes of the stream, all of it in a real server's
// order: no text after a call, and the text's item left open before one.
func (a *responsesAnswer) eventsOf(p part) []responseEvent {
	var events []responseEvent
	if !a.begun {
		a.begun = true
		for _, name := range []string{"response.created", "response.in_progress"} {
			events = append(events, responseEvent{name, object{"response": sorted(a.response("in_progress", []outputItem{}))}})
		}
	}
	a.said.thinking += p.thinking
	if p.thinking != "" {
		events = append(events, a.think(p.thinking)...)
	}
	if len(p.calls) > 0 {
		a.haveCall = true
		events = append(events, a.endThinking()...)
		for _, c := range p.calls {
			events = append(events, a.call(c)...)
		}
	}
	if p.text != "" && !a.haveCall {
		events = append(events, a.endThinking()...)
		events = append(events, a.say(p.text)...)
	}
	if p.done {
		events = append(events, a.endThinking()...)
		events = append(events, a.end(p)...)
	}
	return events
}

// item is an event about an output item.
func (a *responsesAnswer) item(name string, item any) responseEvent {
	return responseEvent{"response.output_item." + name, object{"output_index": a.index, "item": item}}
}

func (a *responsesAnswer) think(text string) []responseEvent {
	var events []responseEvent
	if !a.thinks {
		a.thinks = true
		events = append(events, a.item("added", object{"id": reasoningID, "type": "reasoning", "summary": []any{}}))
	}
	return append(events, responseEvent{"response.reasoning_summary_text.delta", object{
		"item_id": reasoningID, "output_index": a.index, "summary_index": 0, "delta": text,
	}})
}

func (a *responsesAnswer) endThinking() []responseEvent {
	if !a.thinks || a.thought {
		return nil
	}
	a.thought = true
	events := []responseEvent{
		{"response.reasoning_summary_text.done", object{
			"item_id": reasoningID, "output_index": a.index, "summary_index": 0, "text": a.said.thinking,
		}},
		a.item("done", sorted(reasoningItem(a.said.thinking))),
	}
	a.index++
	return events
}

func (a *responsesAnswer) say(text string) []responseEvent {
	var events []responseEvent
	if !a.speaks {
		a.speaks = true
		events = append(events,
			a.item("added", object{"id": itemID, "type": "message", "status": "in_progress", "role": "assistant", "content": []any{}}),
			a.content("response.content_part.added", "part", sorted(messageItem("").Content[0])),
		)
	}
	a.said.text += text
	delta := a.content("response.output_text.delta", "delta", text)
	delta.fields["logprobs"] = []any{}
	return append(events, delta)
}

// content is an event about the content of the message.
func (a *responsesAnswer) content(name, field string, value any) responseEvent {
	return responseEvent{name, object{"item_id": itemID, "output_index": a.index, "content_index": 0, field: value}}
}

// call writes a call of a function, with all of its arguments in one event.
func (a *responsesAnswer) call(c toolCall) []responseEvent {
	index, id, arguments := a.index+len(a.calls), fmt.Sprintf("fc_1_%d", len(a.calls)), string(c.Function.Arguments)
	item := func(status, arguments string) object {
		return object{
			"id": id, "type": "function_call", "status": status, "call_id": c.ID, "name": c.Function.Name, "arguments": arguments,
		}
	}
	done := item("completed", arguments)
	a.calls = append(a.calls, done)
	const about = "response.function_call_arguments."
	return []responseEvent{
		{"response.output_item.added", object{"output_index": index, "item": item("in_progress", "")}},
		{about + "delta", object{"item_id": id, "output_index": index, "delta": arguments}},
		{about + "done", object{"item_id": id, "output_index": index, "arguments": arguments}},
		{"response.output_item.done", object{"output_index": index, "item": done}},
	}
}

// end writes the whole of the message once more, and the whole response.
func (a *responsesAnswer) end(p part) []responseEvent {
	var events []responseEvent
	message := messageItem(a.said.text)
	if a.speaks && !a.haveCall {
		text := a.content("response.output_text.done", "text", a.said.text)
		text.fields["logprobs"] = []any{}
		events = append(events, text,
			a.content("response.content_part.done", "part", sorted(message.Content[0])),
			a.item("done", sorted(message)),
		)
	}
	var output []any
	if a.thinks {
		output = append(output, sorted(reasoningItem(a.said.thinking)))
	}
	for _, c := range a.calls {
		output = append(output, c)
	}
	if a.speaks && !a.haveCall {
		output = append(output, sorted(message))
	}
	r := a.response("completed", nil)
	r.CompletedAt, r.Usage = new(time.Now().Unix()), a.usage(p)
	completed := sorted(r)
	completed["output"] = output
	return append(events, responseEvent{"response.completed", object{"response": completed}})
}

// sorted returns a value with its keys in the order of the alphabet, in which a
// real server streams them.
func sorted(value any) object {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var fields object
	if err := json.Unmarshal(b, &fields); err != nil {
		panic(err)
	}
	return fields
}
