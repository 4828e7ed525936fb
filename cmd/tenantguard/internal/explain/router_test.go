package explain

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

func TestFindRouter(t *testing.T) {
	router := func(name, rule string, change ...func(*running.Router)) running.Router {
		r := running.Router{Name: name, Rule: rule, EntryPoints: []string{"websecure"},
			TLS: &running.RouterTLS{}, Status: "enabled"}
		for _, one := range change {
			one(&r)
		}

		return r
	}
	priority := func(n int) func(*running.Router) {
		return func(r *running.Router) { r.Priority = n }
	}
	traefik := &running.Traefik{
		EntryPoints: []running.EntryPoint{
			{Name: "web", Address: ":80"}, {Name: "websecure", Address: ":443/tcp"},
			{Name: "one", Address: ":9000"}, {Name: "two", Address: "127.0.0.1:9000"},
		},
		Routers: []running.Router{
			router("host@file", "Host(`a.test`)"),
			router("path@file", "Host(`a.test`) && PathPrefix(`/x`)"),
			router("exact@file", "Host(`a.test`) && Path(`/x/exact`) && HostRegexp(`.*`)"),
			router("wildcard@file", "Host(`*.b.test`)", priority(5)),
			router("header@file", "Host(`c.test`) && Header(`A`, `b`)"),
			router("header-first@file", "Host(`d.test`) && Header(`A`, `b`)"),
			router("second@file", "Host(`d.test`)"),
			router("plain@file", "Host(`a.test`)", func(r *running.Router) {
				r.TLS, r.EntryPoints = nil, []string{"web"}
			}),
			router("without-tls@file", "Host(`h.test`)", func(r *running.Router) { r.TLS = nil }),
			router("disabled@file", "Host(`e.test`)", func(r *running.Router) {
				r.Status = "disabled"
			}),
			router("child@file", "Host(`f.test`)", func(r *running.Router) {
				r.Provider, r.ParentRefs = "file", []string{"host"}
			}),
			router("orphan@docker", "Host(`i.test`)", func(r *running.Router) {
				r.Provider, r.ParentRefs = "docker", []string{"ghost"}
			}),
			router("grandchild@docker", "Path(`/`)", func(r *running.Router) {
				r.Provider, r.ParentRefs = "docker", []string{"child@file", "grandchild"}
			}),
			router("stranger@docker", "Host(`j.test`)", func(r *running.Router) {
				r.Provider, r.ParentRefs = "docker", []string{"host"}
			}),
			router("wrong@file", "Nonsense(`a.test`)", priority(1000)),
			router("low@file", "PathPrefix(`/`) && HostRegexp(`^g[.]test$`)", priority(1)),
			router("high@file", "HostRegexp(`^g[.]test$`)", priority(2)),
		},
	}
	cases := []struct {
		description, host, path, address string
		plain                            bool
		want, entryPoint                 string
		others                           []string
		err                              string
	}{
		{"by host", "A.test:443", "/", "x:443", false, "host@file", "websecure", nil, ""},
		{"by the longer rule", "a.test", "/x/y", "x:443", false, "path@file", "websecure", nil, ""},
		{"by an exact path", "a.test", "/x/exact", "x:443", false, "exact@file", "websecure", nil,
			""},
		{"by a wildcard", "a.b.test", "/", "x:443", false, "wildcard@file", "websecure", nil, ""},
		{"not two labels below", "a.a.b.test", "/", "x:443", false, "", "", nil,
			"no router of Traefik's matches a.a.b.test/: it answers 404"},
		{"without TLS", "a.test", "/", "x:80", true, "plain@file", "web", nil, ""},
		{"not on the other entry point", "c.test", "/", "x:80", true, "", "", nil, "no router"},
		{"by more than is known", "c.test", "/", "x:443", false, "", "", nil,
			"the routers header@file may match, by more than host and path"},
		{"perhaps by another", "d.test", "/", "x:443", false, "second@file", "websecure",
			[]string{"header-first@file"}, ""},
		{"one without TLS", "h.test", "/", "x:443", false, "", "", nil, "no router"},
		{"one that is disabled", "e.test", "/", "x:443", false, "", "", nil, "no router"},
		{"a child by itself", "f.test", "/", "x:443", false, "", "", nil, "no router"},
		{"a child of nothing", "i.test", "/", "x:443", false, "", "", nil,
			"the router orphan@docker takes it, whose parentRefs lead nowhere"},
		{"by priority", "g.test", "/", "x:443", false, "high@file", "websecure", nil, ""},
		{"an unknown port", "a.test", "/", "x:1", false, "host@file", "websecure", nil, ""},
		{"a port of two entry points", "a.test", "/", "x:9000", false, "host@file", "websecure",
			nil, ""},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			found, err := FindRouter(traefik,
				Request{Host: c.host, Path: c.path, TLS: !c.plain}, "", c.address)
			if c.err != "" {
				assert.ErrorContains(t, err, c.err)

				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, found.Router.Name)
			assert.Equal(t, c.entryPoint, found.EntryPoint)
			assert.Equal(t, c.others, found.Others)
		})
	}
	found, err := FindRouter(traefik, Request{Host: "a.test", Path: "/", TLS: true}, "", "x:443")
	require.NoError(t, err)
	assert.Equal(t, []string{"child@file", "grandchild@docker"}, found.Children)
	_, err = FindRouter(traefik, Request{Host: "a.test", Path: "/", TLS: true}, "one", "")
	assert.ErrorContains(t, err, "no router", "the entry point that is named counts")
}
