package admission_test

import (
	"flag"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/traefik/traefik/v3/pkg/middlewares/requestdecorator"
	httpmuxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	tcpmuxer "github.com/traefik/traefik/v3/pkg/muxer/tcp"
	"github.com/traefik/traefik/v3/pkg/tcp"
)

var (
	randomRules = flag.Int("rules", 200_000, "how many random rules are held against Traefik")
	randomSeed  = flag.Int64("seed", 1, "where random rules begin")
)

// reader reads the hosts of a rule as the policies do, with their regular expressions.
type reader struct {
	rule                      admission.Rule
	token, host, other, shape *regexp.Regexp
}

func newReader(rule admission.Rule) *reader {
	return &reader{
		rule:  rule,
		token: regexp.MustCompile(rule.Token),
		host:  regexp.MustCompile(rule.Host),
		other: regexp.MustCompile(rule.Other),
		shape: regexp.MustCompile(rule.Shape),
	}
}

// read returns the hosts of a rule, and whether it is in the form that is let through.
func (r *reader) read(rule string) (hosts []string, wellFormed bool) {
	if utf8.RuneCountInString(rule) > r.rule.Max {
		return nil, false
	}
	letters := ""
	for _, token := range r.token.FindAllString(rule, -1) {
		letter := r.letter(token)
		if letter == "h" {
			hosts = append(hosts, strings.ToLower(strings.Split(token, "`")[1]))
		}
		letters += letter
	}

	return hosts, r.shape.MatchString(letters)
}

func (r *reader) letter(token string) string {
	switch {
	case r.host.MatchString(token):
		return "h"
	case r.other.MatchString(token):
		return "f"
	case token == "&&":
		return "&"
	case token == "||":
		return "|"
	case token == "!" || token == "(" || token == ")":
		return token
	default:
		return "x"
	}
}

// covers reports whether a host that was read matches the name.
func covers(hosts []string, name string) bool {
	_, below, _ := strings.Cut(name, ".")

	return slices.Contains(hosts, name) || slices.Contains(hosts, "*."+below)
}

// probeNames are the names that requests ask for: those of rules, and ones that no rule has.
var probeNames = []string{
	"a.test", "b.test", "x.a.test", "y.x.a.test", "other.test", "localhost", "1.2.3.4", "f",
}

func TestHTTPRules(t *testing.T) {
	discardLog(t)
	parser, err := httpmuxer.NewSyntaxParser()
	require.NoError(t, err)
	requests := probeRequests()
	g := &generator{Rand: rand.New(rand.NewSource(*randomSeed)), host: "Host",
		others: strings.Fields("ClientIP Method Path PathPrefix PathRegexp Header HeaderRegexp " +
			"Query QueryRegexp HostRegexp HostSNI"),
	}
	check := func(rule string) (usable bool, matched []string) {
		muxer := httpmuxer.NewMuxer(parser, nil)
		name := ""
		handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if !slices.Contains(matched, name) {
				matched = append(matched, name)
			}
		})
		if muxer.AddRoute(rule, "v3", 1, "", handler) != nil {
			return false, nil
		}
		for _, req := range requests {
			name = req.Host
			muxer.ServeHTTP(httptest.NewRecorder(), req)
		}
		return true, matched
	}
	holdRules(t, g, newReader(admission.HTTPRule()), *randomRules, check)
}

func TestTCPRules(t *testing.T) {
	discardLog(t)
	g := &generator{Rand: rand.New(rand.NewSource(*randomSeed)), host: "HostSNI",
		others: strings.Fields("ClientIP ALPN HostSNIRegexp Host Path"),
	}
	address := &net.TCPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 1}
	check := func(rule string) (usable bool, matched []string) {
		muxer, err := tcpmuxer.NewMuxer(nil)
		require.NoError(t, err)
		if muxer.AddRoute(rule, "v3", 1, "", tcp.HandlerFunc(func(tcp.WriteCloser) {})) != nil {
			return false, nil
		}
		for _, name := range append([]string{""}, probeNames...) {
			for _, protocols := range [][]string{nil, {"f"}} {
				data, err := tcpmuxer.NewConnData(name, address, protocols)
				require.NoError(t, err)
				if handler, _ := muxer.Match(data); handler != nil {
					matched = append(matched, name)
				}
			}
		}
		return true, matched
	}
	holdRules(t, g, newReader(admission.TCPRule()), *randomRules/10, check)
}

// holdRules fails for a rule that is let through and matches a name that was not read.
func holdRules(
	t *testing.T, g *generator, r *reader, count int,
	check func(rule string) (usable bool, matched []string),
) {
	t.Helper()
	passed, refused, matching, naive := 0, 0, 0, 0
	for range count {
		rule := g.rule()
		usable, matched := check(rule)
		if !usable {
			continue
		}
		hosts, wellFormed := r.read(rule)
		if !wellFormed {
			refused++
			if slices.ContainsFunc(matched, func(name string) bool {
				return !covers(hosts, name)
			}) {
				naive++
			}
			continue
		}
		passed++
		if len(matched) > 0 {
			matching++
		}
		for _, name := range matched {
			assert.True(t, covers(hosts, name), "%q matches %q, which was not read: %q",
				rule, name, hosts)
		}
	}
	t.Logf("of %d rules %d passed, of which %d matched a request; %d were refused, of which %d "+
		"matched what a search for hosts does not find", count, passed, matching, refused, naive)
	assert.Greater(t, matching, count/20, "enough rules pass for the test to say something")
	assert.Greater(t, naive, count/100, "and enough are refused that had to be")
}

// discardLog keeps Traefik's warnings about rules off the tests' output.
func discardLog(t *testing.T) {
	before := log.Logger
	log.Logger = zerolog.Nop()
	t.Cleanup(func() { log.Logger = before })
}

// probeRequests are requests for each name, as Traefik's muxer gets them.
func probeRequests() []*http.Request {
	var requests []*http.Request
	decorator := requestdecorator.New(nil)
	for _, name := range probeNames {
		for _, target := range []string{"/", "/f?f=f"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				req := httptest.NewRequest(method, target, nil)
				req.Host = name
				req.RemoteAddr = "1.2.3.4:1"
				if method == http.MethodPost {
					req.Header.Set("f", "f")
				}
				decorator.ServeHTTP(nil, req, func(_ http.ResponseWriter, req *http.Request) {
					requests = append(requests, req)
				})
			}
		}
	}

	return requests
}
