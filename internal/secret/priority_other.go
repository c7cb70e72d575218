//go:build !linux && !darwin

package secret

import "os/exec"

// LowerPriority does nothing on this system.
func LowerPriority() {}

func setGroup(*exec.Cmd) {}
