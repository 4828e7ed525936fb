package running

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// perPage is how much of a list is asked for at once, maxPages how often, and maxAnswer bounds
	// the bytes of one answer.
	perPage   = 1000
	maxPages  = 1000
	maxAnswer = 256 << 20
	// answerTime is how long Traefik may take for one answer.
	answerTime = 30 * time.Second
)

// API is how Traefik's API is reached.
type API struct {
	// At is the URL of Traefik, with the base path if it has one, or a folder with the answers.
	At string
	// Header are lines "Name: value" that requests carry.
	Header []string
	// CA is a file of certificates to verify Traefik's by, "" for the system's. Insecure verifies
	// nothing.
	CA       string
	Insecure bool
}

// errAbsent is that there is no such list.
var errAbsent = errors.New("not there")

// Read reads everything. say is told what is being read.
func (a API) Read(ctx context.Context, say func(format string, args ...any)) (*Traefik, error) {
	get := a.fromFolder
	if !strings.Contains(a.At, "://") {
		if info, err := os.Stat(a.At); err != nil || !info.IsDir() {
			shown := a.At[strings.LastIndexByte(a.At, '@')+1:] // no password

			return nil, fmt.Errorf("--api %q: wanted a URL that begins with http:// or https://, "+
				"or a folder", shown)
		}
	} else {
		client, err := a.client()
		if err != nil {
			return nil, err
		}
		get = func(ctx context.Context, path string, page int) ([]byte, int, error) {
			return a.fromURL(ctx, client, path, page)
		}
	}
	t := &Traefik{Where: redacted(a.At)}
	for _, l := range lists {
		say("reading %s of %s", l.path, t.Where)
		if err := t.read(ctx, l, get); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", l.path, t.Where, err)
		}
	}
	t.sort()

	return t, nil
}

// read reads all pages of a list.
func (t *Traefik) read(
	ctx context.Context, l list,
	get func(ctx context.Context, path string, page int) (content []byte, next int, err error),
) error {
	for page, read := 1, 0; ; read++ {
		content, next, err := get(ctx, l.path, page)
		if errors.Is(err, errAbsent) && l.optional {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.take(t, content); err != nil {
			return fmt.Errorf("wanted an answer of Traefik's API: %w", err)
		}
		if next <= page {
			return nil
		}
		if read == maxPages {
			return fmt.Errorf("wanted at most %d pages", maxPages)
		}
		page = next
	}
}

// redacted is a URL without a password.
func redacted(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return "a URL that can't be read"
	}

	return parsed.Redacted()
}

func (a API) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: a.Insecure}
	if a.CA != "" {
		content, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%q: wanted certificates as PEM", a.CA)
		}
		transport.TLSClientConfig.RootCAs = pool
	}

	return &http.Client{Timeout: answerTime, Transport: transport}, nil
}

// fromURL asks for one page of a list, and returns the number of the next one, 1 for none.
func (a API) fromURL(
	ctx context.Context, client *http.Client, path string, page int,
) ([]byte, int, error) {
	base, err := url.Parse(a.At)
	if err != nil {
		return nil, 0, errors.Unwrap(err) // the rest of it is the URL, perhaps with a password
	}
	address := base.JoinPath("api", path)
	address.RawQuery = url.Values{
		"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)},
	}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	for _, line := range a.Header {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, 0, errors.New("--api-header: wanted \"Name: value\", found no colon")
		}
		if strings.EqualFold(name, "Host") {
			request.Host = strings.TrimSpace(value)
		}
		request.Header.Add(name, strings.TrimSpace(value))
	}
	response, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the rest of it is the address, perhaps with a password
		}

		return nil, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, 0, fmt.Errorf("status 404: %w; is the API on (api.insecure, or a router to "+
			"api@internal), and is the URL without /api and /dashboard?", errAbsent)
	}
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("wanted status 200, got %s", response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	next, _ := strconv.Atoi(response.Header.Get("X-Next-Page"))

	return content, next, err
}

// fromFolder reads a list that somebody saved: http/routers is http-routers.json, or routers.json
// in the folder http.
func (a API) fromFolder(_ context.Context, path string, _ int) ([]byte, int, error) {
	for _, name := range []string{strings.ReplaceAll(path, "/", "-"), path} {
		content, err := os.ReadFile(filepath.Join(a.At, filepath.FromSlash(name)+".json"))
		if err == nil && len(content) > 0 { // curl --fail leaves an empty one of what is not there
			return content, 1, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
	}

	return nil, 0, fmt.Errorf("no file %s.json: %w", strings.ReplaceAll(path, "/", "-"), errAbsent)
}
