package command_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/traefik/traefik/v3/pkg/middlewares/requestdecorator"
	httpmuxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	tcpmuxer "github.com/traefik/traefik/v3/pkg/muxer/tcp"
	"github.com/traefik/traefik/v3/pkg/tcp"
)

// asked are the hosts that rules are asked about. Random rules are about some of them.
var asked = []string{
	"a.test", "b.test", "c.b.test", "d.c.b.test", "test", "x.test", "192.0.2.1", "other.example",
}

// readRule is what the command says of a rule.
type readRule struct {
	Rule, Error    string
	Hosts, Matches []string
}

// readRules has the command read rules.
func readRules(t *testing.T, syntax string, rules []string) []readRule {
	t.Helper()
	args := []string{"rules", "--syntax", syntax, "--output", "json"}
	for _, host := range asked {
		args = append(args, "--host", host)
	}
	result := command.RunWith(t, strings.Join(rules, "\n"), args...)
	require.Less(t, result.Code, 2, result.Errs) // 1 is that some have a fault
	var all []readRule
	require.NoError(t, json.Unmarshal([]byte(result.Out), &all))
	require.Len(t, all, len(rules))

	return all
}

// grammar makes random rules.
type grammar struct {
	*rand.Rand
	hosts, others []string
}

func (g grammar) pick(from []string) string { return from[g.Intn(len(from))] }

// rule returns a random rule of some depth. A few have a fault.
func (g grammar) rule(depth int) string {
	switch kind := g.Intn(10); {
	case depth == 0 || kind < 3:
		return g.pick(g.hosts)
	case kind < 5 && len(g.others) > 0:
		return g.pick(g.others)
	case kind == 5:
		return "!" + g.rule(depth-1)
	case kind == 6:
		return "(" + g.rule(depth-1) + ")"
	case kind == 7:
		return "!(" + g.rule(depth-1) + " || " + g.rule(depth-1) + ")"
	default:
		return g.rule(depth-1) + g.pick([]string{" && ", " || ", "&&", "||"}) + g.rule(depth-1)
	}
}

func (g grammar) rules(n int) []string {
	all := make([]string, 0, n)
	for range n {
		all = append(all, g.rule(4))
	}

	return all
}

var (
	hostsV3 = []string{
		"Host(`a.test`)", "Host(`B.test`)", "host(`c.b.test.`)", "HOST(`*.test`)",
		"Host(`*.b.test`)", "Host(`*`)", "Host(`192.0.2.1`)", "HostRegexp(`^[ab]\\.test$`)",
		"HostRegexp(`test`)", "Hostregexp(`^.+\\.b\\.test$`)", `Host("a.test")`,
		"Host(`x.test`)", "Host(`bücher.test`)", "Host(``)", "Host(`a.test`, `b.test`)",
		"HostRegexp(`(`)", "Host()", "Hosts(`a.test`)", "Host(`*test`)",
	}
	othersV3 = []string{
		"PathPrefix(`/x`)", "Path(`/`)", "PathRegexp(`^/[a-z]$`)", "Method(`GET`)",
		"Header(`X`, `a`)", "Query(`q`)", "ClientIP(`192.0.2.0/24`)", "Path(`x`)", "ClientIP(`x`)",
		"HeaderRegexp(`X`, `(`)", "QueryRegexp(`q`, `a`)", "Header(`X`)",
	}
	hostsV2 = []string{
		"Host(`a.test`, `B.test`)", "HostHeader(`c.b.test`)", "HostRegexp(`{x:[ab]}.test`)",
		"HostRegexp(`{sub}.b.test`, `x.test`)", "HostRegexp(`{x}.{y:[bc]}.test`)",
		"Host(`*.test`)", "HostRegexp(`{x`)", "HostRegexp(`x}`)", "HostRegexp(`{:a}.test`)",
		"HostRegexp(`test`)", "Host()", "HostRegexp(`{x:a{1,2}}.test`)",
	}
	othersV2 = []string{
		"PathPrefix(`/x`, `/y`)", "Path(`/`)", "Method(`GET`, `POST`)", "Headers(`X`, `a`)",
		"Query(`q=1`)", "ClientIP(`192.0.2.1`)", "Path(`x`)",
	}
	hostsTCP = []string{
		"HostSNI(`a.test`)", "HostSNI(`B.test.`)", "HostSNI(`*.b.test`)", "HostSNI(`*`)",
		"HostSNIRegexp(`^[ab]\\.test$`)", "HostSNI(`a b`)", "HostSNI(`a.test`, `b.test`)",
		"HostSNIRegexp(`(`)", "HostSNI(`192.0.2.1`)", "HostSNI(`*.test`)",
	}
	othersTCP = []string{"ALPN(`h2`)", "ClientIP(`192.0.2.0/24`)", "ALPN(`acme-tls/1`)"}
	hostsTCP2 = []string{
		"HostSNI(`a.test`, `B.test`)", "HostSNI(`*`)", "HostSNIRegexp(`{x:[ab]}.test`)",
		"HostSNI(`a b`)", "HostSNI(`x.test.`)", "HostSNIRegexp(`{x}.test`, `c.b.test`)",
		"HostSNI(`x.test`, `*`)", "HostSNIRegexp(`{x`)",
	}
)

// TestRulesLikeTraefik holds what the command reads in rules to Traefik's own muxers: it takes what
// Traefik takes, it misses no host that Traefik matches, and of rules of hosts alone it names no
// other.
func TestRulesLikeTraefik(t *testing.T) {
	rows := []struct {
		syntax string
		g      grammar
		match  func(t *testing.T, rule string) (matches []string, err error)
	}{
		{"v3", grammar{hosts: hostsV3, others: othersV3}, matchHTTP("v3")},
		{"v2", grammar{hosts: hostsV2, others: othersV2}, matchHTTP("v2")},
		{"tcp", grammar{hosts: hostsTCP, others: othersTCP}, matchTCP("v3")},
		{"tcp v2", grammar{hosts: hostsTCP2, others: othersTCP[:2]}, matchTCP("v2")},
	}
	for i, row := range rows {
		t.Run(row.syntax, func(t *testing.T) {
			row.g.Rand = rand.New(rand.NewSource(int64(i + 1)))
			all := slices.Concat(row.g.hosts, row.g.others, row.g.rules(1500))
			if row.syntax == "v3" {
				all = append(all, written(t)...)
			}
			read, taken := readRules(t, row.syntax, all), 0
			for _, r := range read {
				matches, err := row.match(t, r.Rule)
				if !assert.Equal(t, err == nil, r.Error == "", "%s: Traefik %v, the command %q",
					r.Rule, err, r.Error) || err != nil {
					continue
				}
				taken++
				for _, host := range matches {
					assert.Contains(t, r.Matches, host, r.Rule)
				}
				if !hasOthers.MatchString(r.Rule) {
					assert.ElementsMatch(t, matches, r.Matches, r.Rule)
				}
			}
			assert.Greater(t, taken, len(all)/4, "rules that Traefik takes")
		})
	}
}

// hasOthers matches rules with a matcher of something else than hosts.
var hasOthers = regexp.MustCompile(`(?i)(path|method|header[s(r]|query|clientip|alpn)`)

// matchHTTP returns the hosts for which Traefik matches some request.
func matchHTTP(syntax string) func(t *testing.T, rule string) ([]string, error) {
	parser, err := httpmuxer.NewSyntaxParser()
	decorator := requestdecorator.New(nil)

	return func(t *testing.T, rule string) ([]string, error) {
		t.Helper()
		require.NoError(t, err)
		muxer := httpmuxer.NewMuxer(parser, nil)
		hit := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusTeapot)
		})
		if err := muxer.AddRoute(rule, syntax, 1, "file", hit); err != nil {
			return nil, err
		}
		var matches []string
		for _, host := range asked {
			for _, request := range requests(host) {
				answer := httptest.NewRecorder()
				decorator.ServeHTTP(answer, request, muxer.ServeHTTP)
				if answer.Code == http.StatusTeapot {
					matches = append(matches, host)
					break
				}
			}
		}

		return matches, nil
	}
}

// requests are some that random rules tell apart.
func requests(host string) []*http.Request {
	var all []*http.Request
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, target := range []string{"/", "/x", "/x?q=a", "/y?q=1"} {
			for _, address := range []string{"192.0.2.1:1", "198.51.100.1:1"} {
				request := httptest.NewRequest(method, "http://"+host+target, nil)
				request.RemoteAddr = address
				if address == "192.0.2.1:1" {
					request.Header.Set("X", "a")
				}
				all = append(all, request)
			}
		}
	}

	return all
}

func matchTCP(syntax string) func(t *testing.T, rule string) ([]string, error) {
	return func(t *testing.T, rule string) ([]string, error) {
		t.Helper()
		muxer, err := tcpmuxer.NewMuxer(nil)
		require.NoError(t, err)
		handler := tcp.HandlerFunc(func(tcp.WriteCloser) {})
		if err := muxer.AddRoute(rule, syntax, 1, "file", handler); err != nil {
			return nil, err
		}
		var matches []string
		for _, host := range asked {
			for _, ip := range []string{"192.0.2.1", "198.51.100.1"} {
				address := &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}
				conn, err := tcpmuxer.NewConnData(host, address, []string{"h2"})
				require.NoError(t, err)
				if found, _ := muxer.Match(conn); found != nil && !slices.Contains(matches, host) {
					matches = append(matches, host)
				}
			}
		}

		return matches, nil
	}
}

// written are the rules in testdata and examples.
func written(t *testing.T) []string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	var rules []string
	for _, pattern := range []string{
		"testdata/admission/*.yaml", "e2e/estate/testdata/*/*.yaml", "examples/*.yml",
	} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range ruleInYAML.FindAllStringSubmatch(string(content), -1) {
				rules = append(rules, strings.Trim(match[1], `"'`))
			}
		}
	}
	require.Greater(t, len(rules), 100, fmt.Sprint(len(rules)))

	return rules
}

var ruleInYAML = regexp.MustCompile(`(?m)(?:match|rule): *([^,}\n>|]+)`)
