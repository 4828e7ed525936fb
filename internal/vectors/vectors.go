// Package vectors reads the decision vectors in testdata, for every test that runs them.
package vectors

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
)

// Topics are the files of decision vectors.
var Topics = []string{"hosts", "owners", "routers", "servernames", "certificates", "trust", "modes",
	"cluster", "secrets", "challenges", "guests", "proxies"}

// File is one topic.
type File struct {
	Description string
	Policies    map[string]map[string]any
	Clusters    map[string]*cluster
	Defaults    map[string]any
	Cases       []map[string]any
}

// Case is one vector with the defaults filled in.
type Case struct {
	Description, PolicyName, Router, EntryPoint, Middleware, Host, Certificate, Want string
	// IngressNamespace is what Traefik says with the request.
	IngressNamespace string
	// TLS reports whether the request comes over TLS, with ServerName as its server name.
	TLS        bool
	ServerName string
	// Path is the target of the request as it was sent, and Client the address of its peer. Where
	// they are empty Request takes others.
	Path, Client string
	// Reported is true where the request is let pass in spite of the verdict.
	Reported bool
	// Policy is the middleware's configuration, but for where the API is.
	Policy map[string]any
	// Cluster is what the Kubernetes API says, nil for no such API.
	Cluster *kubetest.Cluster
}

// Configuration is the configuration of one middleware: accepted, with warnings perhaps, or refused
// with errors, each of which contains the given fragments.
type Configuration struct {
	Description string
	// Stage is "decode" where Traefik's decoder may refuse it before the plugin does.
	Stage              string
	Middleware         string
	OperatorNamespaces string
	OperatorProviders  string
	Policy             map[string]any
	Errors             [][]string
	// Warnings are of patterns that claim much.
	Warnings [][]string
}

// Load reads the cases of a topic. dir is the folder testdata.
func Load(dir, topic string) ([]Case, error) {
	var file File
	if err := read(dir, topic, &file); err != nil {
		return nil, err
	}
	clusters := map[string]*kubetest.Cluster{}
	for name, written := range file.Clusters {
		loaded, err := written.load(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: cluster %q: %w", topic, name, err)
		}
		clusters[name] = loaded
	}
	cases := make([]Case, 0, len(file.Cases))
	for _, own := range file.Cases {
		merged := merge(file.Defaults, own)
		c := newCase(merged)
		c.Policy = file.Policies[c.PolicyName]
		if c.Policy == nil {
			return nil, fmt.Errorf("%s: %q: no policy %q", topic, c.Description, c.PolicyName)
		}
		if name, named := merged["cluster"].(string); named {
			c.Cluster = clusters[name]
			if c.Cluster == nil {
				return nil, fmt.Errorf("%s: %q: no cluster %q", topic, c.Description, name)
			}
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func newCase(merged map[string]any) Case {
	text := func(key string) string {
		s, _ := merged[key].(string)
		return s
	}
	serverName, isTLS := merged["sni"].(string)
	reported, _ := merged["reported"].(bool)
	return Case{
		Description: text("description"), PolicyName: text("policy"), Router: text("router"),
		EntryPoint: text("entryPoint"), Middleware: text("middleware"), Host: text("host"),
		Certificate: text("certificate"), Want: text("want"),
		IngressNamespace: text("ingressNamespace"),
		TLS:              isTLS, ServerName: serverName, Reported: reported,
		Path: text("path"), Client: text("client"),
	}
}

// LoadConfigurations reads the configurations that must be refused, and those that must be
// accepted.
func LoadConfigurations(dir string) ([]Configuration, error) {
	var file struct{ Cases, Accepted []Configuration }
	err := read(dir, "policies", &file)
	all := append(file.Cases, file.Accepted...)
	for i := range all {
		if all[i].Middleware == "" {
			all[i].Middleware = "guard@file"
		}
	}
	return all, err
}

// read replaces the placeholders @pin(NAME) and @file(NAME) before it decodes.
func read(dir, topic string, into any) error {
	text, err := os.ReadFile(filepath.Join(dir, topic+".json"))
	if err != nil {
		return err
	}
	pins := map[string]string{}
	list, err := os.ReadFile(filepath.Join(dir, "certificates", "pins.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(list, &pins); err != nil {
		return err
	}
	replaced := string(text)
	for name, pin := range pins {
		replaced = strings.ReplaceAll(replaced, "@pin("+name+")", pin)
	}
	certificates, err := filepath.Abs(filepath.Join(dir, "certificates"))
	if err != nil {
		return err
	}
	replaced = filePlaceholder.ReplaceAllString(replaced, certificates+"/$1")
	return json.Unmarshal([]byte(replaced), into)
}

var filePlaceholder = regexp.MustCompile(`@file\(([^)]*)\)`)

// Certificate reads a served certificate with its chain and key.
func Certificate(dir, name string) (*tls.Certificate, error) {
	path := filepath.Join(dir, "certificates", name+".pem")
	certificate, err := tls.LoadX509KeyPair(path, path)
	return &certificate, err
}
