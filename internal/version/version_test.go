package version

import (
	"runtime/debug"
	"testing"
)

func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "devel"},
		{&debug.BuildInfo{}, "devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
	} {
		if got := recorded(c.info); got != c.want {
			t.Errorf("%+v: %q, want %q", c.info, got, c.want)
		}
	}
}

func TestString_Stamped(t *testing.T) {
	stamped = "v1.2.3"
	defer func() { stamped = "" }()
	if got := String(); got != "v1.2.3" {
		t.Errorf("%q", got)
	}
}
