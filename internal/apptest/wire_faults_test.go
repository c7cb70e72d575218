package apptest_test

import (
	"fmt"
	"strings"
	"time"
)

// What comes of a call whose upstream fails.
const (
	refusedCall = "refused" // with an error, and nothing else
	brokenCall  = "broken"  // "Once", and then an error; an answer that does not stream is refused
	wholeCall   = "whole"
)

// wireFault is what an upstream does wrong.
type wireFault struct {
	name   string
	want   string // what comes of a stream
	answer func(*exchange)
}

// wantOf returns what comes of a call by the route, "" if it is not tried.
func (f wireFault) wantOf(route string) string {
	switch whole := isWhole(route); {
	case whole && f.name == endHangs:
		return "" // waits for long
	case whole && f.want == brokenCall, whole && strings.HasPrefix(f.name, unframed) && route != "Embed":
		return refusedCall
	}
	return f.want
}

// isWhole reports whether answers by the route do not stream.
func isWhole(route string) bool {
	return strings.Contains(route, "mbed") || strings.Contains(route, "whole")
}

// Faults that answers which do not stream have no end for.
const (
	endHangs = "an end that hangs"
	unframed = "all but the end of the framing: "
)

// wireFaults are what upstreams, and proxies before them, do wrong.
var wireFaults = []wireFault{
	{"a page in place of an answer", refusedCall, func(x *exchange) {
		x.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<h1>Once, a login</h1>")
	}},
	{"an empty answer", refusedCall, func(x *exchange) { x.write(x.head(0)) }},
	{"no content", refusedCall, func(x *exchange) { x.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") }},
	{"another protocol", refusedCall, func(x *exchange) {
		x.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nOnce")
	}},
	{"404 in plain text", refusedCall, func(x *exchange) {
		x.write("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\n404 page not found")
	}},
	{"no HTTP", refusedCall, func(x *exchange) { x.write("Once upon a time\n") }},
	{"HTTP/1.0 without a length", wholeCall, func(x *exchange) {
		x.write("HTTP/1.0 200 OK\r\nContent-Type: " + x.kind + "\r\n\r\n" + x.said + x.end)
	}},
	{"two lengths", refusedCall, func(x *exchange) {
		x.write(strings.Replace(x.head(5), "\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n", 1) + x.said + x.end)
	}},
	{"a length below 0", refusedCall, func(x *exchange) { x.write(strings.Replace(x.head(5), ": 5", ": -5", 1) + x.said + x.end) }},
	{"a length that is too long", brokenCall, func(x *exchange) { x.write(x.head(len(x.said)+1000) + x.said) }},
	{"a length that is too short", brokenCall, func(x *exchange) { x.write(x.head(len(x.said)+10) + x.said + x.end) }},
	{"more than the length", wholeCall, func(x *exchange) {
		x.last = false
		x.write(x.head(len(x.said+x.end)) + x.said + x.end + x.head(len(x.end)) + x.end)
		x.hang()
	}},
	{"a chunk of no size", brokenCall, func(x *exchange) { x.write(x.head(-1) + chunk(x.said) + "zz\r\n" + x.end) }},
	{"a chunk that is cut", brokenCall, func(x *exchange) { x.write(x.head(-1) + chunk(x.said) + "fff\r\n" + x.end[:9]) }},
	{"a chunk of too large a size", brokenCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(x.said) + strings.Repeat("f", 17) + "\r\n" + x.end)
	}},
	{"an extension of a chunk that never ends", brokenCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(x.said) + "5;")
		x.repeat(strings.Repeat("x", 1<<10), 0)
	}},
	{unframed + "a trailer that never ends", wholeCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(x.said) + chunk(x.end) + "0\r\n")
		x.repeat("X-Once: upon\r\n", 0)
	}},
	{unframed + "no last chunk", wholeCall, func(x *exchange) { x.write(x.head(-1) + chunk(x.said) + chunk(x.end)) }},
	{endHangs, wholeCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(x.said) + chunk(x.end))
		x.hang()
	}},
	{"a header that never ends", refusedCall, func(x *exchange) {
		x.write("HTTP/1.1 200 OK\r\n")
		x.repeat("X-Once: upon\r\n", 0)
	}},
	{"a header that trickles", refusedCall, func(x *exchange) {
		x.write("HTTP/1.1 200 OK\r\n")
		x.repeat("X-Once: upon\r\n", 50*time.Millisecond)
	}},
	{"1xx without end", refusedCall, func(x *exchange) { x.repeat("HTTP/1.1 103 Early Hints\r\nLink: </once>\r\n\r\n", 0) }},
	{"1xx before the answer", wholeCall, func(x *exchange) {
		x.write(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 3) + x.head(len(x.said+x.end)) + x.said + x.end)
	}},
	{"silence", refusedCall, (*exchange).hang},
	{"silence after the header", refusedCall, func(x *exchange) {
		x.write(x.head(-1))
		x.hang()
	}},
	{"silence in the middle", brokenCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(x.said))
		x.hang()
	}},
	{"a content coding that nobody asked for", refusedCall, func(x *exchange) {
		x.write(strings.Replace(x.head(-1), "\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n", 1) + chunk("\x1f\x8b\x08\x00\n\n\x01\x02\n\n") + "0\r\n\r\n")
	}},
	{"a rune in two chunks", wholeCall, func(x *exchange) {
		said := strings.Replace(x.said, "Once", "Once €", 1)
		at := max(strings.Index(said, "€")+1, 1)
		x.write(x.head(-1) + chunk(said[:at]))
		time.Sleep(20 * time.Millisecond)
		x.write(chunk(said[at:]) + chunk(x.end) + "0\r\n\r\n")
	}},
	{"half a rune", wholeCall, func(x *exchange) {
		x.write(x.head(-1) + chunk(strings.Replace(x.said, "Once", "Once \xe2\x82", 1)) + chunk(x.end) + "0\r\n\r\n")
	}},
}

// wireFaultOf returns what the model "fault-3-x" does, where 3 is an index of wireFaults.
func wireFaultOf(model string) func(*exchange) {
	var i int
	if n, _ := fmt.Sscanf(model, "fault-%d-", &i); n == 1 {
		return wireFaults[i].answer
	}
	return nil
}
