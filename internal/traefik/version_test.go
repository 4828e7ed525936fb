package traefik

import (
	"runtime/debug"
	"testing"
)

// TestVersion finds Traefik's version in what binaries say of their build.
func TestVersion(t *testing.T) {
	const path = "github.com/traefik/traefik/v3"
	flags := func(value string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "-buildmode", Value: "exe"},
			{Key: "-ldflags", Value: value}}
	}
	rows := []struct {
		description string
		info        debug.BuildInfo
		want        string
	}{
		{"nothing", debug.BuildInfo{}, Unknown},
		{"another program", debug.BuildInfo{
			Main: debug.Module{Path: "x.test/y", Version: "v1.2.3"}}, Unknown},
		{"a module", debug.BuildInfo{Main: debug.Module{Path: path, Version: "v3.7.13"}}, "3.7.13"},
		{"a working copy", debug.BuildInfo{Main: debug.Module{Path: path, Version: "(devel)"}},
			Unknown},
		{"a program with Traefik in it", debug.BuildInfo{Deps: []*debug.Module{
			{Path: "x.test/y", Version: "v1.2.3"}, {Path: path, Version: "v3.6.25"}}}, "3.6.25"},
		{"the linker's", debug.BuildInfo{
			Main:     debug.Module{Path: path, Version: "v0.0.0-2026"},
			Settings: flags("-s -X " + path + "/pkg/version.Version=v3.7.13 -X a.b=c"),
		}, "3.7.13"},
		{"the linker's, the last one", debug.BuildInfo{
			Main:     debug.Module{Path: path, Version: "(devel)"},
			Settings: flags(`-s "-X ` + path + `/pkg/version.Version=3.8.0"`),
		}, "3.8.0"},
		{"the linker's, empty", debug.BuildInfo{
			Main:     debug.Module{Path: path, Version: "v3.7.13"},
			Settings: flags("-X " + path + "/pkg/version.Version= -s"),
		}, "3.7.13"},
	}
	for _, row := range rows {
		info := row.info
		if got := versionOf(&info); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
	if Version() == "" || GoVersion() == "" {
		t.Error("no version, want at least that it is unknown")
	}
}
