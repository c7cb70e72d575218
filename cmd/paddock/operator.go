package main

import (
	"os"
	"os/user"
	"strconv"
)

// operator returns who runs the program on which machine, for the audit trail: "root (sudo by alice) on db1".
func operator(p program) string {
	name := "user id " + strconv.Itoa(os.Getuid()) // in a container the user may have no name
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if by := p.getenv("SUDO_USER"); by != "" {
		name += " (sudo by " + by + ")"
	}
	if host, err := os.Hostname(); err == nil {
		name += " on " + host
	}
	return name
}
