// Package running reads what runs: the configuration that Traefik tells of by its API, and the
// objects of a cluster or of manifests.
package running

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Traefik is what Traefik says of itself by its API.
type Traefik struct {
	// Where is the URL or the folder that it was read from.
	Where       string
	Version     string
	EntryPoints []EntryPoint
	Routers     []Router
	TCPRouters  []Router
	UDPRouters  []Router
	Middlewares []Middleware
	Services    []Service
	// Certificates are those of Traefik's store. HasCertificates is false where this Traefik has no
	// such list.
	Certificates    []StoreCertificate
	HasCertificates bool
}

// EntryPoint is an entry point of the static configuration.
type EntryPoint struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	AsDefault bool   `json:"asDefault"`
	HTTP      struct {
		Middlewares []string        `json:"middlewares"`
		TLS         json.RawMessage `json:"tls"`
	} `json:"http"`
}

// HasTLS reports whether routers of the entry point have TLS by default.
func (e EntryPoint) HasTLS() bool {
	return len(e.HTTP.TLS) > 0 && string(e.HTTP.TLS) != "null"
}

// RouterTLS is the TLS section of a router.
type RouterTLS struct {
	Options      string `json:"options"`
	CertResolver string `json:"certResolver"`
	Passthrough  bool   `json:"passthrough"`
}

// Router is a router of HTTP, TCP or UDP.
type Router struct {
	Name        string     `json:"name"`
	Provider    string     `json:"provider"`
	EntryPoints []string   `json:"entryPoints"`
	Middlewares []string   `json:"middlewares"`
	Service     string     `json:"service"`
	Rule        string     `json:"rule"`
	RuleSyntax  string     `json:"ruleSyntax"`
	Priority    int        `json:"priority"`
	ParentRefs  []string   `json:"parentRefs"`
	TLS         *RouterTLS `json:"tls"`
	Status      string     `json:"status"`
	Errors      []string   `json:"error"`

	Observability struct {
		Metadata struct {
			Ingress struct {
				Namespace   string `json:"namespace"`
				IngressName string `json:"ingressName"`
			} `json:"ingress"`
		} `json:"metadata"`
	} `json:"observability"`
}

// Middleware is a middleware of HTTP.
type Middleware struct {
	Name     string                     `json:"name"`
	Provider string                     `json:"provider"`
	Plugin   map[string]json.RawMessage `json:"plugin"`
	Chain    *struct {
		Middlewares []string `json:"middlewares"`
	} `json:"chain"`
}

// Service is a service of HTTP.
type Service struct {
	Name         string `json:"name"`
	Provider     string `json:"provider"`
	LoadBalancer *struct {
		Servers []struct {
			URL string `json:"url"`
		} `json:"servers"`
	} `json:"loadBalancer"`
}

// StoreCertificate is what the API says of a certificate.
type StoreCertificate struct {
	Name       string    `json:"name"`
	CommonName string    `json:"commonName"`
	SANs       []string  `json:"sans"`
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
}

// Qualified returns the name of something that belongs to a provider, as Traefik resolves it there.
func Qualified(name, provider string) string {
	if name == "" || strings.Contains(name, "@") {
		return name
	}

	return name + "@" + provider
}

// list is one list of the API: its path, and where it goes.
type list struct {
	path string
	// optional reports whether a Traefik without it will do.
	optional bool
	take     func(t *Traefik, content []byte) error
}

// into decodes a list into a field.
func into[T any](field func(t *Traefik) *[]T) func(t *Traefik, content []byte) error {
	return func(t *Traefik, content []byte) error {
		var page []T
		if err := json.Unmarshal(content, &page); err != nil {
			return err
		}
		all := field(t)
		*all = append(*all, page...)

		return nil
	}
}

// lists are what is asked for.
var lists = []list{
	{"entrypoints", false, into(func(t *Traefik) *[]EntryPoint { return &t.EntryPoints })},
	{"http/routers", false, into(func(t *Traefik) *[]Router { return &t.Routers })},
	{"http/middlewares", false, into(func(t *Traefik) *[]Middleware { return &t.Middlewares })},
	{"http/services", true, into(func(t *Traefik) *[]Service { return &t.Services })},
	{"tcp/routers", true, into(func(t *Traefik) *[]Router { return &t.TCPRouters })},
	{"udp/routers", true, into(func(t *Traefik) *[]Router { return &t.UDPRouters })},
	{"certificates", true, func(t *Traefik, content []byte) error {
		t.HasCertificates = true

		return into(func(t *Traefik) *[]StoreCertificate { return &t.Certificates })(t, content)
	}},
	{"version", true, func(t *Traefik, content []byte) error {
		var said struct{ Version string }
		err := json.Unmarshal(content, &said)
		t.Version = said.Version

		return err
	}},
}

// sort puts everything in the order of its name.
func (t *Traefik) sort() {
	byName := func(a, b Router) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(t.Routers, byName)
	slices.SortFunc(t.TCPRouters, byName)
	slices.SortFunc(t.UDPRouters, byName)
	slices.SortFunc(t.Middlewares, func(a, b Middleware) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(t.EntryPoints, func(a, b EntryPoint) int { return cmp.Compare(a.Name, b.Name) })
}
