package door

import "testing"

func TestCalls_Idle(t *testing.T) {
	isClosed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	c := NewCalls()
	if !isClosed(c.Idle()) {
		t.Error("no call runs, and it is not idle")
	}
	c.begin()
	first, second := c.Idle(), c.Idle()
	c.begin() // calls may begin while somebody waits
	c.end()
	if isClosed(first) || c.Running() != 1 {
		t.Errorf("idle with %d calls", c.Running())
	}
	c.end()
	if !isClosed(first) || !isClosed(second) {
		t.Error("the last call has ended, and it is not idle")
	}
	if !c.begin() || isClosed(c.Idle()) {
		t.Error("no call begins any more")
	}
	c.Refuse()
	if c.begin() || !c.Refused() || c.Running() != 1 {
		t.Error("a call begins after Refuse")
	}
	c.end()
}
