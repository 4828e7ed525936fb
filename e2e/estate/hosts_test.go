package estate_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// pod stands for the address of the Traefik that is asked.
const pod = "POD"

// question is what a client asks for, and the owner's answer.
type question struct {
	url string
	// body is the answer: the name of a Service, or how the answer begins if it ends in "…".
	body string
	// before is the answer of what is there before the owner's route.
	before string
	// header is a field that the answer has, "Name: value"; none if it is empty.
	header string
	// status is 200 if it is zero.
	status int
	// unverified is a client that does not look at the certificate: an authority that follows a
	// redirect to a challenge, a load balancer that asks by address.
	unverified bool
}

// questions are all hosts of the estate.
var questions = []question{
	{url: "https://traefik.estate.test/api/version", body: `{"Version":…`},
	{url: "http://POD/ping", body: "OK"},
	{url: "https://POD/ping", body: "OK", unverified: true},
	{url: "https://nobody.estate.test/", body: "notfound"},
	{url: "https://nobody.example/", body: "fallback", unverified: true},
	{url: "http://POD/", body: "fallback"},
	toHTTPS("shop.test/"),
	toHTTPS("www.blog.test/"),
	toHTTPS("nobody.estate.test/"),
	toHTTPS("new.blogs.example/"),
	{url: "https://shop.test/oauth2/start", body: "sso"},
	{url: "https://wiki.apps.test/oauth2/start", body: "sso"},
	{url: "https://pr-41.preview.test/oauth2/start", body: "sso"},
	{url: "https://status.estate.test/", body: "status"},
	{url: "https://status.apps.test/", body: "status"},
	{url: "https://old.shop.test/", body: "status"},
	{url: "http://new.blogs.example/.well-known/acme-challenge/token-of-blog", body: "solver"},
	{
		url:  "https://new.blogs.example/.well-known/acme-challenge/token-of-blog",
		body: "solver", unverified: true,
	},
	{
		url:  "http://new.gates.example/.well-known/acme-challenge/token-of-gate",
		body: "gateway-solver",
	},
	{
		url:  "https://new.gates.example/.well-known/acme-challenge/token-of-gate",
		body: "gateway-solver", unverified: true,
	},

	{url: "https://shop.test/", body: "shop", header: "Secure: yes"},
	{url: "https://www.shop.test/", body: "shop", header: "Secure: yes"},
	{url: "https://sale.preview.test/", body: "shop", header: "Secure: yes"},
	{url: "https://assets.shop.test/static", body: "shop"},
	{url: "https://de.eu.shop.test/", body: "shop"},
	{url: "https://fr.eu.shop.test/", body: "shop"},
	{url: "https://pay.shop.test/", body: "shop"},
	{url: "https://pay.shop.test/api", body: "orders"},
	{url: "http://plain.shop.test/", body: "shop"},
	{url: "https://shop-v2.estate.test/", body: "shop"},

	{url: "https://api.shop.test/", body: "api"},
	{url: "https://api.shop.test/v1", body: "orders"},
	{url: "https://api.estate.test/", body: "api"},
	{url: "http://api.estate.test/", body: "api"},

	{url: "https://blog.test/", body: "blog"},
	{url: "https://www.blog.test/", body: "blog"},
	{url: "https://weblog.blog.test/", body: "blog"},
	{url: "https://anna.blog.test/", body: "users"},
	{url: "https://ben.blog.test/", body: "users"},
	{url: "https://blog.test/feeds/news", body: "users"},

	{url: "https://mail.estate.test/", body: "mail", header: "Frames: none"},
	{url: "https://autoconfig.mail.test/", body: "mail"},
	{url: "http://autoconfig.mail.test/", body: "mail"},
	{url: "https://help.mail.test/faq", body: "mail"},
	{url: "http://help.mail.test/faq", body: "mail"},
	{url: "https://help.mail.test/else", body: "help"},

	{url: "https://wiki.apps.test/", body: "wiki"},
	{url: "https://docs.estate.test/", body: "wiki"},
	{url: "http://docs.estate.test/", body: "wiki"},

	{url: "https://gate.estate.test/", body: "gate"},
	{url: "http://gate.estate.test/", body: "gate"},
	{url: "https://entrance.estate.test/", body: "gate"},
	{url: "https://gate-api.estate.test/v1", body: "gate"},

	{url: "https://pr-41.preview.test/", body: "pr-41"},
	{url: "https://pr-42.preview.test/", body: "pr-42"},
	{url: "http://pr-42.preview.test/", body: "pr-42"},
}

// afterRight is what another tenant answers until it is put right.
var afterRight = []question{
	{url: "https://shop.test/feeds", body: "shop", header: "Secure: yes"},
}

// toHTTPS is the platform's redirect, on hosts of everybody.
func toHTTPS(rest string) question {
	return question{
		url: "http://" + rest, body: "Moved Permanently", status: http.StatusMovedPermanently,
		header: "Location: https://" + rest,
	}
}

// parts returns the host, the path and whether TLS is used.
func (q question) parts(tr *cluster.Traefik) (host, path string, secure bool) {
	parsed, err := url.Parse(q.url)
	if err != nil {
		panic(err)
	}
	host = parsed.Host
	if host == pod {
		host, _, _ = strings.Cut(tr.Addr("web"), ":")
	}

	return host, parsed.EscapedPath(), parsed.Scheme == "https"
}

// dial connects as the question's client does: with the host as server name unless that is an
// address, and with a certificate of the estate's authority.
func (q question) dial(
	ctx context.Context, e *estate, tr *cluster.Traefik, protocol lab.Protocol,
) (*lab.Conn, error) {
	host, _, secure := q.parts(tr)
	if !secure {
		return lab.TryDial(ctx, protocol, tr.Plain())
	}
	serverName := host
	if strings.HasPrefix(q.url, "https://"+pod) {
		serverName = ""
	}
	target := tr.Target(serverName)
	if !q.unverified {
		target.TLS = func(config *tls.Config) {
			config.InsecureSkipVerify, config.RootCAs = false, e.ca.Pool()
		}
	}

	return lab.TryDial(ctx, protocol, target)
}

// ask asks once in a connection.
func (q question) ask(
	ctx context.Context, conn *lab.Conn, tr *cluster.Traefik,
) (*lab.Response, error) {
	host, path, _ := q.parts(tr)

	return conn.Try(ctx, lab.Request{Host: host, Path: path})
}

// askOnce asks in a connection of its own. The error says what is wrong with the answer.
func (q question) askOnce(
	ctx context.Context, e *estate, tr *cluster.Traefik, protocol lab.Protocol,
) error {
	conn, err := q.dial(ctx, e, tr, protocol)
	if err != nil {
		return err
	}
	defer conn.Close()

	response, err := q.ask(ctx, conn, tr)
	if err != nil {
		return err
	}

	return q.check(response)
}

// check returns an error unless the response is the owner's.
func (q question) check(response *lab.Response) error {
	status := q.status
	if status == 0 {
		status = http.StatusOK
	}
	body := strings.TrimSpace(response.Body)
	prefix, only := strings.CutSuffix(q.body, "…")
	if response.Status != status || body != q.body && !(only && strings.HasPrefix(body, prefix)) {
		return fmt.Errorf("%d %.40q %s, want %d %q", response.Status, body, response.Reason(),
			status, q.body)
	}
	for _, field := range []string{q.header, "Platform: estate"} {
		name, value, _ := strings.Cut(field, ": ")
		if got := response.Header.Get(name); field != "" && got != value {
			return fmt.Errorf("header %s: %q, want %q", name, got, value)
		}
	}

	return nil
}

// wrong asks all questions once and returns the wrong answers by URL.
func (e *estate) wrong(tr *cluster.Traefik) map[string]error {
	wrong := map[string]error{}
	for _, q := range questions {
		if err := q.askOnce(e.t.Context(), e, tr, lab.HTTP1); err != nil {
			wrong[q.url] = err
		}
	}

	return wrong
}

// waitRight waits until all answers are the owners'.
func (e *estate) waitRight(tr *cluster.Traefik) {
	e.t.Helper()
	e.waitWrong(tr, nil)
}

// waitWrong waits until the answers to exactly these URLs are wrong.
func (e *estate) waitWrong(tr *cluster.Traefik, urls []string) {
	e.t.Helper()
	eventually(e.t, "waiting for the owners' answers", func() error {
		wrong := e.wrong(tr)
		var errs []error
		for _, url := range urls {
			if wrong[url] == nil {
				errs = append(errs, fmt.Errorf("%s is right, want a wrong answer", url))
			}
			delete(wrong, url)
		}
		for url, err := range wrong {
			errs = append(errs, fmt.Errorf("%s: %w", url, err))
		}
		return errors.Join(errs...)
	})
}
