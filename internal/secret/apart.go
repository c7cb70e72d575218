package secret

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const (
	// restartAfter is how long after a start the child process is started again at the earliest.
	restartAfter = time.Second
	// answerWithin is how long a hash may take in the child process before that is killed: the dearest one takes some 3 s.
	answerWithin = 10 * time.Second
)

// apart has passwords hashed by a child process of low priority, and by this one when there is none.
type apart struct {
	command func(context.Context) *exec.Cmd
	slots   int
	log     *slog.Logger
	ctx     context.Context // ends the child
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu     sync.Mutex
	child  *child // nil while there is none
	tried  time.Time
	failed bool // as the log has it
}

// HashApart has passwords hashed by another process until stop is called, so that they take no time from anything else in this one.
// In the process that command returns ServeHashes must run. When it cannot be started, or ends, passwords are hashed here until it is
// back; it is started again with the next hash, at most once a second. HashApart must be called before h is used.
func (h *Hasher) HashApart(ctx context.Context, command func(context.Context) *exec.Cmd, log *slog.Logger) (stop func()) {
	return h.hashApart(ctx, command, log).stop
}

func (h *Hasher) hashApart(ctx context.Context, command func(context.Context) *exec.Cmd, log *slog.Logger) *apart {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // who is told to stop still has sign-ins to answer
	a := &apart{command: command, slots: h.slots.all, log: log, ctx: ctx, cancel: cancel}
	h.derive = a.derive
	a.current()
	return a
}

// stop ends the child process, and waits for that.
func (a *apart) stop() {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.ended.Wait()
}

func (a *apart) derive(p Params, plain []byte, salt [saltLen]byte) [sumLen]byte {
	if c := a.current(); c != nil {
		if sum, ok := c.derive(p, plain, salt); ok {
			return sum
		}
	}
	return p.derive(plain, salt)
}

// current returns the child process, which it starts if there is none; nil if that fails or is not due yet.
func (a *apart) current() *child {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.child != nil || time.Since(a.tried) < restartAfter || a.ctx.Err() != nil {
		return a.child
	}
	a.tried = time.Now()
	c, answers, err := a.start()
	if err != nil {
		a.tell(err)
		return nil
	}
	a.child = c
	a.ended.Go(func() { a.run(c, answers) })
	return c
}

// start starts a child process that has nothing of this one but its ends of two pipes.
func (a *apart) start() (*child, io.Reader, error) {
	cmd := a.command(a.ctx)
	// One processor more than there are hashes is for who waits in the pipe. ServeHashes collects its garbage itself, after each hash.
	cmd.Env = []string{"GOMAXPROCS=" + strconv.Itoa(a.slots+1), "GOGC=off"}
	setGroup(cmd)
	requests, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return &child{cmd: cmd, requests: requests, waiting: map[uint32]chan [sumLen]byte{}}, answers, cmd.Start()
}

// run hands on the answers of c until it ends.
func (a *apart) run(c *child, answers io.Reader) {
	var r answer
	for binary.Read(answers, binary.BigEndian, &r) == nil && c.deliver(r) {
		a.mu.Lock()
		a.tell(nil)
		a.mu.Unlock()
	}
	_ = c.cmd.Process.Kill() // one that has ended keeps its exit code
	c.giveUp()
	err := cmp.Or(c.cmd.Wait(), errors.New("it has ended"))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.child = nil
	a.tell(err)
}

// tell logs where passwords are hashed if that has changed. mu must be held.
func (a *apart) tell(err error) {
	failed := err != nil
	switch {
	case failed == a.failed || a.ctx.Err() != nil:
		return
	case failed:
		a.log.WarnContext(a.ctx, "passwords are hashed in the server itself: the process for it has failed", "error", err)
	default:
		a.log.InfoContext(a.ctx, "passwords are hashed in a process of their own again")
	}
	a.failed = failed
}

// child is a process that hashes passwords.
type child struct {
	cmd      *exec.Cmd
	requests io.Writer

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan [sumLen]byte // by the request's ID; nil once the process has ended
}

// derive has the process compute a tag; false when it ends before it has.
func (c *child) derive(p Params, plain []byte, salt [saltLen]byte) (sum [sumLen]byte, ok bool) {
	impatient := time.AfterFunc(answerWithin, func() { _ = c.cmd.Process.Kill() })
	defer impatient.Stop()
	answered := make(chan [sumLen]byte, 1)
	if !c.send(request{Params: p, Salt: salt, Length: uint32(len(plain))}, plain, answered) {
		return sum, false
	}
	sum, ok = <-answered
	return sum, ok
}

// send sends a request. When the process has ended meanwhile, giveUp closes answered.
func (c *child) send(r request, plain []byte, answered chan [sumLen]byte) (ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		return false
	}
	c.last++
	r.ID = c.last
	c.waiting[r.ID] = answered
	message := bytes.NewBuffer(make([]byte, 0, binary.Size(r)+len(plain)))
	_ = binary.Write(message, binary.BigEndian, r)
	_, _ = message.Write(plain)
	defer clear(message.Bytes())
	_, _ = c.requests.Write(message.Bytes())
	return true
}

// deliver hands an answer to who waits for it, and reports whether somebody does.
func (c *child) deliver(r answer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered, ok := c.waiting[r.ID]
	if ok {
		answered <- r.Sum
		delete(c.waiting, r.ID)
	}
	return ok
}

// giveUp tells all who wait that there is no answer.
func (c *child) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, answered := range c.waiting {
		close(answered)
	}
	c.waiting = nil
}
