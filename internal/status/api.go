package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	// perPage is how many routers are asked for at a time, and maxPages bounds the times.
	perPage  = 1000
	maxPages = 100
	// maxBody bounds one answer: thousand routers with long rules.
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
) (found Findings) {
	found.Traefik.Asked = time.Now()
	a := &api{next: next, isStatus: isStatus}
	a.guards = map[string]bool{}
	a.pages = map[string]bool{}
	a.chains = map[string][]string{}
	for name := range built {
		a.guards[name] = true
	}
	defer func() {
		if problem := recover(); problem != nil {
			a.err = fmt.Errorf("Traefik's API panics: %.200v", problem)
		}
		if a.err != nil {
			asked := found.Traefik.Asked
			found = Findings{Traefik: Traefik{Asked: asked, Problem: a.err.Error()}}
		}
	}()
	var version struct{ Version string }
	a.get("/api/version", &version)
	found.Traefik.Version = version.Version
	a.askMiddlewares()
	entryPoints := a.askEntryPoints(&found)
	a.askRouters(&found, entryPoints)
	found.Traefik.Known = a.err == nil
	return found
}

// api asks, until something fails.
type api struct {
	next     http.Handler
	isStatus func(keys map[string]any) bool
	// guards are the names of all guards, also of those that no router has.
	guards map[string]bool
	// pages are the names of the status pages.
	pages map[string]bool
	// chains are the middlewares of each that is a chain.
	chains map[string][]string
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
		a.err = fmt.Errorf("the service behind the status page answers %d to %s, "+
			"wanted Traefik's api@internal without an api.basePath", rw.status, target.Path)
		return 1
	}
	if rw.tooLarge {
		a.err = errors.New("the answer of Traefik's API is too large")
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

// each gets all pages of a list.
func (a *api) each(path string, get func(path string) int) {
	page := 1
	for i := 0; i < maxPages; i++ {
		page = get(fmt.Sprintf("%s?per_page=%d&page=%d", path, perPage, page))
		if page <= 1 {
			return
		}
	}
}

// askMiddlewares finds chains, and the guards that no router has: they are of the same plugin as
// those that one has.
func (a *api) askMiddlewares() {
	ours := map[string]bool{}
	var others []apiMiddleware
	a.each("/api/http/middlewares", func(path string) int {
		var page []apiMiddleware
		next := a.get(path, &page)
		for _, m := range page {
			if len(m.Chain.Middlewares) > 0 {
				a.chains[m.Name] = m.Chain.Middlewares
			}
			for plugin := range m.Plugin {
				ours[plugin] = ours[plugin] || a.guards[m.Name]
				others = append(others, m)
			}
		}
		return next
	})
	for _, m := range others {
		for plugin, keys := range m.Plugin {
			if a.isStatus(keys) {
				a.pages[m.Name] = true
			} else if ours[plugin] {
				a.guards[m.Name] = true
			}
		}
	}
}

// askEntryPoints returns the middlewares of each entry point that is or has a guard.
func (a *api) askEntryPoints(found *Findings) map[string][]string {
	guarded := map[string][]string{}
	a.each("/api/entrypoints", func(path string) int {
		var page []apiEntryPoint
		next := a.get(path, &page)
		for _, e := range page {
			one := EntryPoint{Name: e.Name, Address: e.Address, Guards: []string{}}
			for _, m := range e.HTTP.Middlewares {
				if a.isGuardAnywhere(m) {
					one.Guards = append(one.Guards, m)
				}
			}
			guarded[e.Name] = one.Guards
			found.EntryPoints = append(found.EntryPoints, one)
		}
		return next
	})
	return guarded
}

func (a *api) askRouters(found *Findings, guarded map[string][]string) {
	at := map[string]int{}
	for i, e := range found.EntryPoints {
		at[e.Name] = i
	}
	a.each("/api/http/routers", func(path string) int {
		var page []apiRouter
		next := a.get(path, &page)
		for _, r := range page {
			if r.Status != "disabled" && len(r.ParentRefs) == 0 {
				a.look(r, found, guarded, at)
			}
		}
		return next
	})
	sort.Slice(found.Unguarded, func(i, j int) bool {
		return found.Unguarded[i].Name < found.Unguarded[j].Name
	})
}

// look notes one router.
func (a *api) look(
	r apiRouter, found *Findings, guarded map[string][]string, at map[string]int,
) {
	using := r.Using
	if len(using) == 0 {
		using = r.EntryPoints
	}
	guard := a.guardOf(r)
	// Traefik's own routers and those of status pages need no guard where there is none.
	isOperators := providerOf(r.Name) == "internal" || a.hasPage(r)
	found.Traefik.Routers++
	isOpen := false
	for _, entryPoint := range using {
		i, known := at[entryPoint]
		if !known {
			continue
		}
		found.EntryPoints[i].Routers++
		if guard != "" {
			found.Names = append(found.Names,
				GuardedRouter{Name: r.Name, EntryPoint: entryPoint, Guard: guard, Rule: r.Rule})
		}
		absent := missing(r.Middlewares, guarded[entryPoint])
		if absent != "" {
			found.addUnguarded(r, entryPoint, absent)
			found.EntryPoints[i].Open++
		} else if guard == "" && !isOperators {
			found.EntryPoints[i].Open++
			isOpen = true
		}
	}
	if guard != "" {
		found.Traefik.Guarded++
	} else if isOpen {
		found.Traefik.Open++
	}
}

func (f *Findings) addUnguarded(r apiRouter, entryPoint, absent string) {
	f.Traefik.Unguarded++
	if len(f.Unguarded) >= maxListed {
		return
	}
	f.Unguarded = append(f.Unguarded, Router{
		Name: r.Name, Problem: Unguarded, EntryPoints: []string{entryPoint}, Rule: r.Rule,
		Detail: "the guard " + absent + " of the entry point is not in front of it",
	})
}

// missing returns the first guard of an entry point that a router has not, "" for none. Traefik
// puts the middlewares of an entry point in front of a router's own as they are written.
func missing(middlewares, guards []string) string {
	for _, guard := range guards {
		has := false
		for _, m := range middlewares {
			has = has || m == guard
		}
		if !has {
			return guard
		}
	}
	return ""
}

// guardOf returns the first of a router's middlewares that is or has a guard, "" for none.
func (a *api) guardOf(r apiRouter) string {
	for _, m := range r.Middlewares {
		if guard := a.find(qualified(m, providerOf(r.Name)), 0); guard != "" {
			return guard
		}
	}
	return ""
}

// hasPage reports whether a router leads to a status page.
func (a *api) hasPage(r apiRouter) bool {
	for _, m := range r.Middlewares {
		if a.pages[qualified(m, providerOf(r.Name))] {
			return true
		}
	}
	return false
}

// maxDepth bounds how deep chains lie in each other.
const maxDepth = 8

// find returns the guard that a middleware is, or has in its chain, "" for none.
func (a *api) find(name string, depth int) string {
	if a.guards[name] {
		return name
	}
	if depth > maxDepth {
		return ""
	}
	for _, m := range a.chains[name] {
		if guard := a.find(qualified(m, providerOf(name)), depth+1); guard != "" {
			return guard
		}
	}
	return ""
}

// isGuardAnywhere reports whether a middleware of an entry point is or has a guard. One without a
// provider is looked for in that of each router.
func (a *api) isGuardAnywhere(name string) bool {
	if strings.Contains(name, "@") {
		return a.find(name, 0) != ""
	}
	for guard := range a.guards {
		if strings.HasPrefix(guard, name+"@") {
			return true
		}
	}
	for chain := range a.chains {
		if strings.HasPrefix(chain, name+"@") && a.find(chain, 0) != "" {
			return true
		}
	}
	return false
}

func providerOf(name string) string {
	return name[strings.LastIndex(name, "@")+1:]
}

// qualified returns a name with its provider.
func qualified(name, provider string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return name + "@" + provider
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
