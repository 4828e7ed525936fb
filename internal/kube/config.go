package kube

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

const (
	// The environment of every container in a cluster names the API, and every service account's
	// files lie here (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
	hostVariable = "KUBERNETES_SERVICE_HOST"
	portVariable = "KUBERNETES_SERVICE_PORT"
	account      = "/var/run/secrets/kubernetes.io/serviceaccount/"
)

// Config says where the API is and who reads from it. What is empty is as for a pod in the cluster.
type Config struct {
	// Endpoint is the https URL of the API.
	Endpoint string
	// TokenFile is a file with a token of the service account.
	TokenFile string
	// CAFile is a file with the authorities, in PEM, that the API's certificate must verify to.
	CAFile string
}

// withDefaults fills what is empty.
func (c Config) withDefaults(getenv func(name string) string) (Config, error) {
	if c.TokenFile == "" {
		c.TokenFile = account + "token"
	}
	if c.CAFile == "" {
		c.CAFile = account + "ca.crt"
	}
	if c.Endpoint != "" {
		return c, nil
	}
	host, port := getenv(hostVariable), getenv(portVariable)
	if host == "" || port == "" {
		return c, fmt.Errorf("no endpoint, and %s and %s don't say that this is a pod: "+
			"wanted an endpoint", hostVariable, portVariable)
	}
	c.Endpoint = "https://" + net.JoinHostPort(host, port)
	return c, nil
}

// parseEndpoint parses the URL of the API. It must be https for loopback addresses as well: over
// http whoever listens on that port would get the token, and decide whose certificate is whose.
func parseEndpoint(text string) (*url.URL, error) {
	endpoint, err := url.Parse(text)
	if err != nil || endpoint.Hostname() == "" || strings.HasSuffix(endpoint.Host, ":") {
		return nil, fmt.Errorf(`endpoint %q: wanted an https URL, such as "https://192.0.2.1:6443"`,
			text)
	}
	if endpoint.Scheme != "https" {
		return nil, fmt.Errorf("endpoint %q: wanted https, "+
			"for the service account's token is sent there", text)
	}
	hasQuery := endpoint.RawQuery != "" || endpoint.ForceQuery
	if endpoint.User != nil || hasQuery || endpoint.Fragment != "" {
		// The URL is not quoted: it may contain a password.
		return nil, errors.New("the endpoint has a user, a query or a fragment: " +
			"wanted an https URL without")
	}
	endpoint.Path = strings.TrimSuffix(endpoint.Path, "/")
	return endpoint, nil
}
