//go:build linux || darwin

package secret

import (
	"os/exec"
	"syscall"
)

// niceness is that of the process that hashes passwords.
const niceness = 5

// LowerPriority has the system run all else first. The process must be alone in its group, as those of Hasher.HashApart are: on Linux a
// priority is a thread's, and only that of a group is the priority of all threads. Where it is refused, nothing changes.
func LowerPriority() {
	_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, niceness)
}

// setGroup starts cmd in a group of its own: no Ctrl-C gets there.
func setGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
