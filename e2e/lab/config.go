package lab

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// Map is a part of a configuration, as in YAML.
type Map map[string]any

// Merge returns base with the keys of over. Maps are merged key by key, other values replaced.
// Neither argument is changed.
func Merge(base, over Map) Map {
	merged := maps.Clone(base)
	if merged == nil {
		merged = Map{}
	}
	for key, value := range over {
		below, isMap := merged[key].(Map)
		if above, ok := value.(Map); ok && isMap {
			value = Merge(below, above)
		}
		merged[key] = value
	}

	return merged
}

// Config is a dynamic configuration. Its methods return it, so that calls can be chained.
type Config struct {
	content      Map
	certificates []Map
}

// NewConfig returns an empty configuration.
func NewConfig() *Config { return &Config{content: Map{}} }

// Clone returns a copy that can be changed.
func (c *Config) Clone() *Config {
	return &Config{content: Merge(c.content, nil), certificates: slices.Clone(c.certificates)}
}

// Route adds a router on the entry point websecure that leads to the backend. more holds further
// keys, or other values for entryPoints and service.
func (c *Config) Route(name, rule string, backend *Backend, more ...Map) *Config {
	router := Map{"entryPoints": []string{"websecure"}, "rule": rule, "service": backend.Service()}
	for _, keys := range more {
		router = Merge(router, keys)
	}

	return c.Merge(Map{"http": Map{"routers": Map{name: router}, "services": backend.services()}})
}

// Guard adds a Middleware of the plugin, such as a tenant's own.
func (c *Config) Guard(name string, config Map) *Config {
	return c.Merge(
		Map{"http": Map{"middlewares": Map{name: Map{"plugin": Map{PluginName: config}}}}},
	)
}

// Serve adds certificates to Traefik's store.
func (c *Config) Serve(certificates ...*Cert) *Config {
	for _, certificate := range certificates {
		c.certificates = append(c.certificates, certificate.entry())
	}

	return c
}

// Default sets the certificate that is served if no other matches.
func (c *Config) Default(certificate *Cert) *Config {
	return c.Merge(
		Map{"tls": Map{"stores": Map{"default": Map{"defaultCertificate": certificate.entry()}}}},
	)
}

// Merge adds any other part.
func (c *Config) Merge(more Map) *Config {
	c.content = Merge(c.content, more)
	return c
}

// tree returns the whole configuration.
func (c *Config) tree() Map {
	if len(c.certificates) == 0 {
		return c.content
	}

	return Merge(c.content, Map{"tls": Map{"certificates": c.certificates}})
}

// YAML returns the whole configuration as a provider would read it.
func (c *Config) YAML(t T) []byte {
	t.Helper()
	encoded, err := yaml.Marshal(c.tree())
	Fatal(t, err, "encoding a dynamic configuration")

	return encoded
}

func (c *Cert) entry() Map { return Map{"certFile": c.CertFile, "keyFile": c.KeyFile} }
