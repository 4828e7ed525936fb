package policy

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
)

// guestPath has the characters that a path may have without an escape (RFC 3986 section 3.3), but
// for the "*", which would look like a wildcard.
var guestPath = regexp.MustCompile(`^/[A-Za-z0-9._~!$&'()+,;=:@/-]*$`)

// guestOwner owns the patterns of a Guest's table.
const guestOwner = "guest"

// Guest is what the routers of a tenant may serve on hosts of others: catch-alls, error pages,
// sign-on paths.
type Guest struct {
	// all is true for every name and address, owned or not ("**").
	all   bool
	hosts *hosts.Table
	// paths are prefixes, each of which begins with a slash. None stands for all paths.
	paths []string
}

// Covers reports whether the tenant may serve a path of a host as a guest. path is as the client
// sent it, with its escapes.
func (g *Guest) Covers(host hosts.Name, path string) bool {
	if g == nil || host == "" {
		return false
	}
	if !g.all && g.hosts.Owner(host) == "" {
		return false
	}
	return len(g.paths) == 0 || g.Prefix(path) != ""
}

// Prefix returns the prefix that a path begins with, "" for none, also where every path is the
// guest's.
func (g *Guest) Prefix(path string) string {
	if g == nil || len(g.paths) == 0 || !isPlain(path) {
		return ""
	}
	for _, prefix := range g.paths {
		if path == prefix || strings.HasPrefix(path, withSlash(prefix)) {
			return prefix
		}
	}
	return ""
}

func withSlash(prefix string) string {
	if strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

// isPlain reports whether a path, as the client sent it, has no segment that is empty, "." or "..",
// escaped or not. Servers take such a path for another one: /a/../b, and /a/..%2Fb perhaps, for /b.
func isPlain(path string) bool {
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return false
	}
	for _, one := range []string{path, strings.ReplaceAll(decoded, `\`, "/")} {
		around := one + "/"
		if strings.Contains(one, "//") || strings.Contains(around, "/./") ||
			strings.Contains(around, "/../") {
			return false
		}
	}
	return true
}

// guest reads a section of that name, nil for none.
func (b *builder) guest(path string, value any) *Guest {
	if value == nil {
		return nil
	}
	section := b.section(path, value, "hosts", "paths")
	g := &Guest{hosts: hosts.NewTable()}
	count := b.each(path+".hosts", section["hosts"], func(path, text string) {
		if text == "**" {
			g.all = true
			return
		}
		pattern, err := hosts.ParsePattern(text)
		if err != nil {
			b.fail(path, text, err.Error()+`, or "**" for every host`)
			return
		}
		g.hosts.Add(pattern, guestOwner)
	})
	if count == 0 && section != nil {
		b.fail(path+".hosts", "", `wanted host patterns, or "**" for every host`)
	}
	g.paths = b.guestPaths(path+".paths", section["paths"])
	return g
}

// guestPaths reads prefixes of paths, nil for all paths. A list without one is an error: it could
// be meant for none.
func (b *builder) guestPaths(path string, value any) []string {
	if value == nil {
		return nil
	}
	var paths []string
	count := b.each(path, value, func(path, text string) {
		if !guestPath.MatchString(text) || !isPlain(text) {
			b.fail(path, text, `wanted the beginning of a path, such as "/oauth2/", `+
				`without escapes, wildcards and empty segments`)
		}
		paths = append(paths, text)
	})
	if count == 0 {
		b.fail(path, value, "wanted beginnings of paths, or no such key for all paths")
	}
	return paths
}
