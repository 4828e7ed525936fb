package traefik

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Unknown stands for a version that can't be found out.
const Unknown = "unknown"

const module = "github.com/traefik/traefik/v"

// Version returns the version of the Traefik that runs, Unknown where its binary does not say.
func Version() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return Unknown
	}
	return versionOf(info)
}

// GoVersion returns the version of Go that Traefik was built with.
func GoVersion() string {
	return runtime.Version()
}

// versionOf returns the version of Traefik in what a binary says of its build: what the linker was
// told to write into it, as Traefik's own builds do, or else the module's.
func versionOf(info *debug.BuildInfo) string {
	for _, setting := range info.Settings {
		if setting.Key != "-ldflags" {
			continue
		}
		_, rest, found := strings.Cut(setting.Value, "/pkg/version.Version=")
		version := strings.Trim(firstWord(rest), `"'`)
		if found && version != "" {
			return strings.TrimPrefix(version, "v")
		}
	}
	if version := moduleVersion(&info.Main); version != "" {
		return version
	}
	for _, dependency := range info.Deps {
		if version := moduleVersion(dependency); version != "" {
			return version
		}
	}
	return Unknown
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// moduleVersion returns the version of a module if it is Traefik's and has one, "" otherwise.
func moduleVersion(m *debug.Module) string {
	if !strings.HasPrefix(m.Path, module) || !strings.HasPrefix(m.Version, "v") {
		return "" // such as (devel)
	}
	return strings.TrimPrefix(m.Version, "v")
}
