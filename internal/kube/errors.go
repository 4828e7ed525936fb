package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What an error of this package is, for errors.Is. They are sentinels because neither errors.As nor
// an Unwrap method works on interpreted types.
var (
	// ErrUnavailable tells that the API can't be asked: the network, a timeout, too many requests
	// (429), an error of its own (5xx), or an answer that is none.
	ErrUnavailable = errors.New("the Kubernetes API can't be asked")
	// ErrTooLarge is an ErrUnavailable: the answer is larger than is read.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrForbidden tells that the token may not do this (403), or is not taken (401).
	ErrForbidden = errors.New("the Kubernetes API refuses")
	// ErrUnauthorized is an ErrForbidden: the token is not taken (401).
	ErrUnauthorized = errors.New("the token is not taken")
	// ErrNotFound tells that what was asked for is not there (404).
	ErrNotFound = errors.New("the Kubernetes API knows no such thing")
	// ErrCut is an ErrUnavailable: the watch was answered, and ended before its time.
	ErrCut = errors.New("the watch was cut")
	// ErrGone tells that the resource version or the rest of a list has expired (410).
	ErrGone = errors.New("the Kubernetes API has forgotten this version")
)

const (
	// maxSaid bounds, in bytes, each text that an error repeats of what the API says of its
	// refusal.
	maxSaid = 256
	// maxStatus bounds, in bytes, what is read of a refusal.
	maxStatus = 64 << 10
	// maxRetryAfter bounds, in seconds, how long the API may ask to be left alone: everyone's
	// requests wait for it.
	maxRetryAfter = 30
)

// pauses are the errors that carry how many seconds the API asks to be left alone.
var pauses = newPauses()

func newPauses() []error {
	list := make([]error, maxRetryAfter+1)
	for i := range list {
		list[i] = errors.New("ask again in " + strconv.Itoa(i) + "s")
	}
	return list
}

// RetryAfter tells how long the API asks to be left alone, at most half a minute, or 0 if the error
// says nothing of it.
func RetryAfter(err error) time.Duration {
	for seconds := maxRetryAfter; seconds > 0; seconds-- {
		if errors.Is(err, pauses[seconds]) {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// status is what the API says of a refusal
// (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
type status struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Code    int    `json:"code"`
}

// refusal makes an error of an answer that is not 200. Of its body it repeats what a Status object
// says and nothing else.
func refusal(path string, response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxStatus))
	err := coded(path, response.StatusCode, readStatus(body))
	if seconds := retryAfter(response); seconds > 0 && errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%w, %w", err, pauses[seconds])
	}
	return err
}

// readStatus reads a Status object. The zero value is what it makes of anything else.
func readStatus(body []byte) status {
	var said status
	if err := json.Unmarshal(body, &said); err != nil || said.Kind != "Status" {
		return status{}
	}
	return said
}

// coded makes an error of a status code.
func coded(path string, code int, said status) error {
	text := "GET " + path + ": " + strconv.Itoa(code) + " " + http.StatusText(code)
	if said.Reason != "" {
		text += ", reason " + bound(said.Reason)
	}
	if said.Message != "" {
		text += ", message " + bound(said.Message)
	}
	if code == http.StatusUnauthorized {
		return fmt.Errorf("%w: %w: %s", ErrForbidden, ErrUnauthorized, text)
	}
	return fmt.Errorf("%w: %s", kind(code), text)
}

func kind(code int) error {
	switch code {
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusGone:
		return ErrGone
	default:
		return ErrUnavailable
	}
}

// retryAfter reads the header in its form with seconds, which the API uses (RFC 9110 section
// 10.2.3).
func retryAfter(response *http.Response) int {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	if seconds > maxRetryAfter {
		return maxRetryAfter
	}
	return seconds
}

// unreachable makes an error of a request without an answer.
func unreachable(path string, err error) error {
	return fmt.Errorf("%w: GET %s: %s", ErrUnavailable, path, reason(err))
}

// reason says why there is no answer. Package net/http repeats what it can't read of an answer in
// its errors, which may be a part of a private key: only texts that can't hold any are passed on.
func reason(err error) string {
	var operation *net.OpError
	var lookup *net.DNSError
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "given up"
	}
	if errors.As(err, &lookup) {
		return "the address of " + strconv.Quote(lookup.Name) + " is not found"
	}
	if errors.As(err, &operation) {
		said := *operation
		said.Source = nil // a port that is new each time would make each failure another
		return said.Error()
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection ended before the answer did"
	}
	if text := err.Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "x509: ") {
		return text
	}
	return "what came is not an answer of HTTP over TLS"
}

// bound quotes a text of the API's and cuts it where it is long.
func bound(text string) string {
	if len(text) <= maxSaid {
		return strconv.Quote(text)
	}
	cut := maxSaid
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(text[:cut] + "…")
}

// discard reads what is left of a small answer, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxStatus))
	_ = body.Close()
}
