package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Call is a request to the API.
type Call struct {
	At time.Time
	// Client is the first word of the user agent.
	Client string
	// Verb is RBAC's verb, such as list. For a path that is not a resource it is the method in
	// lower case.
	Verb string
	// Resource is empty for a path that is not a resource.
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	Path        string
	Query       string
}

// String returns client, verb and resource; the path in place of the resource if it is none.
func (c Call) String() string {
	what := c.Resource
	if what == "" {
		what = c.Path
	}
	if c.Subresource != "" {
		what += "/" + c.Subresource
	}

	return fmt.Sprintf("%s %s %s", c.Client, c.Verb, what)
}

// parseCall returns what a request calls.
func parseCall(req *http.Request) Call {
	client, _, _ := strings.Cut(req.UserAgent(), "/")
	call := Call{
		At: time.Now(), Client: client, Verb: strings.ToLower(req.Method),
		Path: req.URL.Path, Query: req.URL.RawQuery,
	}

	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return call
	}
	if parts[0] == "namespaces" && len(parts) > 2 && parts[2] != "status" &&
		parts[2] != "finalize" {
		call.Namespace = parts[1]
		parts = parts[2:]
	}
	call.Resource = parts[0]
	if len(parts) > 1 {
		call.Name = parts[1]
	}
	if len(parts) > 2 {
		call.Subresource = parts[2]
	}
	call.Verb = verb(req, call.Name != "")

	return call
}
