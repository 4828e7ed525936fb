// Package cluster runs a real Kubernetes API: kube-apiserver with RBAC on etcd, with the resources
// that Traefik and its tenants need. There are no controllers and no nodes: this package does by
// hand what a controller would do.
package cluster

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tenantguard/tenantguard/e2e/cluster/binaries"
	"github.com/tenantguard/tenantguard/e2e/internal/ports"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// Options configure a cluster.
type Options struct {
	// Traefik is the release whose resources are installed; the default is traefik.Version.
	Traefik string
	// Flags are additional flags of kube-apiserver.
	Flags []string
}

// Cluster is a running Kubernetes API.
type Cluster struct {
	// Dir holds its data, keys and logs.
	Dir string
	// URL is the API's address.
	URL string
	// CAFile holds the certificate of the authority that issued the API's certificate.
	CAFile string

	ca         *lab.Cert
	tokenKey   crypto.Signer
	adminToken string
	etcd       *process
	api        *process
	http       *http.Client
	discovery  discovery.CachedDiscoveryInterface
	mapper     *restmapper.DeferredDiscoveryRESTMapper
}

const (
	issuer     = "https://kubernetes.default.svc"
	adminToken = "admin"
)

// Start starts a cluster with the default options. The test's cleanup stops it.
func Start(t lab.T) *Cluster {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith starts a cluster. The test's cleanup stops it.
func StartWith(t lab.T, options Options) *Cluster {
	t.Helper()
	if options.Traefik == "" {
		options.Traefik = traefik.Version
	}
	etcd, err := binaries.Etcd(t.Context(), os.Stderr)
	lab.Fatal(t, err, "building etcd")
	api, err := binaries.APIServer(t.Context(), os.Stderr)
	lab.Fatal(t, err, "building kube-apiserver")

	var c *Cluster
	err = ports.Retry(func() (err error) {
		c, err = start(t, etcd, api, options)
		return err
	})
	lab.Fatal(t, err, "starting a cluster")
	lab.Fatal(t, c.install(t.Context(), options.Traefik), "installing resources")

	return c
}

func start(t lab.T, etcd, api string, options Options) (*Cluster, error) {
	t.Helper()
	var chosen [3]int
	for i := range chosen {
		port, err := ports.Free("127.0.0.1")
		if err != nil {
			return nil, err
		}
		chosen[i] = port
	}

	c := &Cluster{
		Dir:        t.TempDir(),
		URL:        fmt.Sprintf("https://127.0.0.1:%d", chosen[0]),
		ca:         lab.NewCA(t, "cluster"),
		adminToken: adminToken,
	}
	c.CAFile = c.ca.CertFile
	c.http = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.ca.Pool()}},
	}
	t.Cleanup(c.http.CloseIdleConnections)
	c.etcd = newProcess(t, c.Dir, etcd, c.etcdArgs(chosen[1], chosen[2])...)
	args, err := c.apiArgs(t, chosen[0], chosen[1])
	if err != nil {
		return nil, err
	}
	c.api = newProcess(t, c.Dir, api, append(args, options.Flags...)...)

	if err := c.etcd.start(); err != nil {
		return nil, err
	}
	if err := c.api.start(); err != nil {
		return nil, err
	}
	if err := c.waitReady(t.Context()); err != nil {
		return nil, err
	}

	return c, c.discover()
}

func (c *Cluster) etcdArgs(clientPort, peerPort int) []string {
	client := fmt.Sprintf("http://127.0.0.1:%d", clientPort)
	peer := fmt.Sprintf("http://127.0.0.1:%d", peerPort)

	return []string{
		"--data-dir=" + filepath.Join(c.Dir, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--name=etcd",
		"--initial-cluster=etcd=" + peer,
		"--log-level=warn",
		// The data need not survive a crash of the machine.
		"--unsafe-no-fsync",
	}
}

func (c *Cluster) apiArgs(t lab.T, port, etcdPort int) ([]string, error) {
	t.Helper()
	serving := c.ca.Issue(t, "127.0.0.1", "localhost", "kubernetes.default.svc")
	signing := lab.SelfSignedSpec(t, lab.Spec{RSA: true})
	c.tokenKey = signing.Key
	tokens := filepath.Join(c.Dir, "tokens.csv")
	token := []byte(c.adminToken + ",admin,admin,system:masters\n")
	if err := os.WriteFile(tokens, token, 0o600); err != nil {
		return nil, err
	}

	return []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcdPort),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + serving.CertFile,
		"--tls-private-key-file=" + serving.KeyFile,
		"--cert-dir=" + c.Dir,
		"--client-ca-file=" + c.CAFile,
		"--token-auth-file=" + tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + signing.KeyFile,
		"--service-account-signing-key-file=" + signing.KeyFile,
		// A token expires when its request host for, and no later.
		"--service-account-extend-token-expiration=false",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		"--profiling=false",
	}, nil
}

// Stop kills the API server, as a crash would. etcd keeps running.
func (c *Cluster) Stop(t lab.T) {
	t.Helper()
	c.api.kill()
}

// Start starts the API server again at the same address and waits until it is ready.
func (c *Cluster) Start(t lab.T) {
	t.Helper()
	lab.Fatal(t, c.api.start(), "starting kube-apiserver")
	lab.Fatal(t, c.waitReady(t.Context()), "waiting for kube-apiserver")
}

func (c *Cluster) waitReady(ctx context.Context) error {
	return until(ctx, func() error {
		for _, process := range []*process{c.etcd, c.api} {
			if err := process.alive(); err != nil {
				return err
			}
		}
		_, err := c.call(ctx, http.MethodGet, "/readyz", nil)
		return err
	})
}

// call sends a request as admin, for paths that are not resources.
func (c *Cluster) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.adminToken)
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: status %d: %s", method, path, answer.StatusCode, content)
	}

	return content, nil
}

// config returns access to the API without credentials.
func (c *Cluster) config() *rest.Config {
	config := &rest.Config{
		Host: c.URL, QPS: -1, UserAgent: fieldManager, WarningHandler: rest.NoWarnings{},
	}
	config.CAFile = c.CAFile

	return config
}

// Admin returns access to the API with all rights.
func (c *Cluster) Admin() *rest.Config { return c.WithToken(c.adminToken) }

// WithToken returns the access that a token grants.
func (c *Cluster) WithToken(token string) *rest.Config {
	config := c.config()
	config.BearerToken = token

	return config
}

// As returns the access of a user with a client certificate: what roles bound to that name allow.
func (c *Cluster) As(t lab.T, user string) *rest.Config {
	t.Helper()
	certificate := c.ca.IssueSpec(t, lab.Spec{CommonName: user})
	config := c.config()
	// Data, not files: client-go would keep reading the files after the test deleted them.
	var err error
	config.CertData, err = os.ReadFile(certificate.CertFile)
	lab.Fatal(t, err, "reading a certificate")
	config.KeyData, err = os.ReadFile(certificate.KeyFile)
	lab.Fatal(t, err, "reading a key")

	return config
}
