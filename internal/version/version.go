// Package version knows which version of Paddock is running.
package version

import "runtime/debug"

// stamped is set when the program is built: -ldflags "-X github.com/paddock-gate/paddock/internal/version.stamped=v1.2.3".
var stamped = ""

// String returns the version: what the build was told, else what Go recorded of it, else "devel".
func String() string {
	if stamped != "" {
		return stamped
	}
	info, _ := debug.ReadBuildInfo()
	return recorded(info)
}

// recorded returns the version of the main module: that of `go install …@version`, or one made up of the commit. info may be nil.
func recorded(info *debug.BuildInfo) string {
	if info == nil || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
