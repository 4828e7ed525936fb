package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// perPage is how many routers are asked for at a time, perSmallPage how many where that is too
	// much, and maxAsked bounds them all.
	perPage      = 1000
	perSmallPage = 5
	maxAsked     = 100_000
	// maxBody bounds one answer. A router is at most what an object of Kubernetes may be, 1.5 MiB.
	maxBody = 16 << 20
	// maxListed bounds the routers that are listed. All are counted.
	maxListed = 200
)

// Findings are what Traefik's own API says of the routers of one reload.
type Findings struct {
	Traefik     Traefik
	EntryPoints []EntryPoint
	// Unguarded are routers without the guard of their entry point.
	Unguarded []Router
	// Names are the routers that have a guard, with the entry point of each.
	Names []GuardedRouter
}

// GuardedRouter is a router that has a guard, the first of its middlewares that is one.
type GuardedRouter struct {
	Name, EntryPoint, Guard, Rule string
	// Namespace is that of an Ingress, "" where Traefik does not say.
	Namespace string
}

// The parts of the API's answers that are read.
type apiEntryPoint struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	HTTP    struct {
		Middlewares []string `json:"middlewares"`
	} `json:"http"`
}

type apiRouter struct {
	Name        string   `json:"name"`
	Rule        string   `json:"rule"`
	Status      string   `json:"status"`
	EntryPoints []string `json:"entryPoints"`
	Using       []string `json:"using"`
	ParentRefs  []string `json:"parentRefs"`
	Middlewares []string `json:"middlewares"`

	Observability struct {
		Metadata struct {
			Ingress struct {
				Namespace string `json:"namespace"`
			} `json:"ingress"`
		} `json:"metadata"`
	} `json:"observability"`
}

type apiMiddleware struct {
	Name  string `json:"name"`
	Chain struct {
		Middlewares []string `json:"middlewares"`
	} `json:"chain"`
	Plugin map[string]map[string]any `json:"plugin"`
}

// Ask asks Traefik's API, which is the handler behind a router of the operator's that leads to
// api@internal: in the same process, without a network. built are the names of the guards that
// routers have, and isStatus reports whether keys are those of a status page.
func Ask(
	next http.Handler, built map[string]bool, isStatus func(keys map[string]any) bool,
) Findings {
	a := &api{next: next, isStatus: isStatus}
	a.guards = map[string]bool{}
	a.pages = map[string]bool{}
	a.chains = map[string][]string{}
	a.found = map[string]string{}
	for name := range built {
		a.guards[name] = true
	}
	found := &Findings{}
	found.Traefik.Asked = time.Now()
	a.ask(found)
	if a.err != nil {
		problem := a.err.Error()
		return Findings{Traefik: Traefik{Asked: found.Traefik.Asked, Problem: problem}}
	}
	found.Traefik.Known = true
	return *found
}

func (a *api) ask(found *Findings) {
	defer func() {
		if problem := recover(); problem != nil {
			a.err = fmt.Errorf("asking Traefik's API panics: %.200v", problem)
		}
	}()
	version := &struct{ Version string }{}
	a.get("/api/version", version)
	found.Traefik.Version = version.Version
	a.askMiddlewares()
	entryPoints := a.askEntryPoints(found)
	a.askRouters(found, entryPoints)
}

// api asks, until something fails.
type api struct {
	next     http.Handler
	isStatus func(keys map[string]any) bool
	// guards are the names of all guards, also of those that no router has.
	guards map[string]bool
	// pages are the names of the status pages.
	pages map[string]bool
	// chains are the middlewares of each that is a chain, and found the guard of each that was
	// looked at, "" for none.
	chains map[string][]string
	found  map[string]string
	err    error
}

// get decodes an answer, and returns the number of the next page, 1 for none.
func (a *api) get(path string, into any) int {
	if a.err != nil {
		return 1
	}
	target, err := url.Parse(path)
	if err != nil {
		a.err = err
		return 1
	}
	rw := &recorder{header: http.Header{}, status: http.StatusOK}
	a.next.ServeHTTP(rw, &http.Request{
		Method: http.MethodGet, URL: target, RequestURI: path, Host: "traefik",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, RemoteAddr: "127.0.0.1:0",
	})
	if rw.status != http.StatusOK {
		a.err = fmt.Errorf("the service behind the status page answers %d to %s, wanted Traefik's "+
			"api@internal, and with an api.basePath an addPrefix of it before that",
			rw.status, target.Path)
		return 1
	}
	if rw.tooLarge {
		a.err = errTooLarge
		return 1
	}
	if err := json.Unmarshal(rw.body, into); err != nil {
		a.err = fmt.Errorf("the answer to %s is not that of Traefik's API, "+
			"wanted a router with service: api@internal", target.Path)
		return 1
	}
	next, err := strconv.Atoi(rw.header.Get("X-Next-Page"))
	if err != nil {
		return 1
	}
	return next
}

var errTooLarge = errors.New("the answer of Traefik's API is too large")

// each gets all pages of a list. One that is too large it gets in small pieces, and the rest of the
// list too: who writes routers may write long ones, which must not hide the others.
func (a *api) each(path string, get func(path string) int) {
	page, size := 1, perPage
	for asked := 0; asked < maxAsked; asked += size {
		next := get(fmt.Sprintf("%s?per_page=%d&page=%d", path, size, page))
		if a.err == errTooLarge && size == perPage {
			a.err = nil
			page = (page-1)*(perPage/perSmallPage) + 1
			size = perSmallPage
			continue
		}
		if next <= 1 {
			return
		}
		page = next
	}
}

// recorder takes an answer of Traefik's API.
type recorder struct {
	header   http.Header
	status   int
	body     []byte
	tooLarge bool
}

// Header returns the header of the answer.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader takes the status of the answer.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write takes a part of the body.
func (r *recorder) Write(part []byte) (int, error) {
	length := len(part)
	if len(r.body)+length > maxBody {
		r.tooLarge = true
		return length, nil
	}
	r.body = append(r.body, part...)
	return length, nil
}
