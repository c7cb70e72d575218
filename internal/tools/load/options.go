package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"
)

// options are what the command is told. All are bounded.
type options struct {
	url      string
	key      string // an admin's
	rate     int    // calls a second at most; 0 means as many as are answered
	duration time.Duration
	calls    int // at most
	atOnce   int
	fill     int // users to make before, who stay
}

const (
	longest    = 10 * time.Minute
	mostCalls  = 1_000_000
	mostAtOnce = 25 // sign-ins from one network at once; more would wait for each other
	mostFill   = 100_000
)

func parse(args []string, getenv func(string) string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rate, "rate", 220, "`calls` a second at most; 0: as many as are answered, to find out what the server can do")
	flags.DurationVar(&o.duration, "for", 30*time.Second, "how long, at most 10m")
	flags.IntVar(&o.calls, "calls", 100_000, "how `many` calls, at most 1000000")
	flags.IntVar(&o.atOnce, "at-once", 16, "how `many` people call at once, at most 25")
	flags.IntVar(&o.fill, "fill", 0, "make so `many` users before, without passwords; they stay, and the next fill finds them")
	host := flags.String("host", "", "the URL's `host`, to say once more that it is meant; not needed for loopback")
	if err := flags.Parse(args); err != nil {
		return o, errors.New("usage: load [flags] URL")
	}
	if flags.NArg() != 1 {
		return o, errors.New("usage: load [flags] URL; for example http://127.0.0.1:8080")
	}
	if o.url, err = target(flags.Arg(0), *host); err != nil {
		return o, err
	}
	if o.key = getenv("PADDOCK_API_KEY"); o.key == "" {
		return o, errors.New("set PADDOCK_API_KEY to an API key of an admin; the first start prints one, as BOOTSTRAP_ADMIN_API_KEY")
	}
	return o, o.check()
}

func (o *options) check() error {
	switch {
	case o.rate != 0 && o.rate < promisedRate:
		return fmt.Errorf("-rate must be %d, which is promised, or more; or 0", promisedRate)
	case o.duration < time.Second || o.duration > longest:
		return fmt.Errorf("-for must be from 1s to %v", longest)
	case o.calls < 1 || o.calls > mostCalls:
		return fmt.Errorf("-calls must be from 1 to %d", mostCalls)
	case o.atOnce < 1 || o.atOnce > mostAtOnce:
		return fmt.Errorf("-at-once must be from 1 to %d", mostAtOnce)
	case o.fill < 0 || o.fill > mostFill:
		return fmt.Errorf("-fill must be from 0 to %d", mostFill)
	}
	return nil
}

// target returns the server's base URL. Only loopback may be named just once.
func target(address, host string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" {
		return "", errors.New("the server's address must be http://HOST[:PORT] or https://HOST[:PORT]")
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && host != u.Hostname() {
		return "", fmt.Errorf("%s is not this machine: if it may be put under load, say -host %[1]s as well", u.Hostname())
	}
	return u.Scheme + "://" + u.Host, nil
}
