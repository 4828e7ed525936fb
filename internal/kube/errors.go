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

	"github.com/tenantguard/tenantguard/internal/text"
)

// The kinds of errors, for errors.Is. They are sentinels because neither errors.As nor an Unwrap
// method works on interpreted types.
var (
	// ErrUnavailable means that the API gives no answer: the network, a timeout, too many requests
	// (429), an error of its own (5xx), or an answer that can't be read.
	ErrUnavailable = errors.New("the Kubernetes API can't be asked")
	// ErrTooLarge is an ErrUnavailable: the answer is larger than is read.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrForbidden means that the token may not do this (403), or is refused itself (401).
	ErrForbidden = errors.New("the Kubernetes API refuses")
	// ErrUnauthorized is an ErrForbidden: the token is refused (401).
	ErrUnauthorized = errors.New("the token is not taken")
	// ErrNotFound means that there is no such object (404).
	ErrNotFound = errors.New("the Kubernetes API knows no such thing")
	// ErrCut is an ErrUnavailable: the watch was answered, and ended before its time.
	ErrCut = errors.New("the watch was cut")
	// ErrGone means that the resource version or the rest of a list has expired (410).
	ErrGone = errors.New("the Kubernetes API has forgotten this version")
)

const (
	// maxSaid bounds, in bytes, each text of a refusal that an error repeats.
	maxSaid = 256
	// maxStatus bounds, in bytes, what is read of a refusal.
	maxStatus = 64 << 10
	// maxRetryAfter bounds, in seconds, how long the API may ask to be left alone: all requests
	// wait that long.
	maxRetryAfter = 30
)

// pauses are the errors that carry for how many seconds the API asks to be left alone.
var pauses = newPauses()

func newPauses() []error {
	list := make([]error, maxRetryAfter+1)
	for i := range list {
		list[i] = errors.New("ask again in " + strconv.Itoa(i) + "s")
	}
	return list
}

// RetryAfter returns how long the API asks to be left alone, at most half a minute, or 0 if the
// error says nothing of it.
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

// readStatus reads a Status object, and returns the zero value for anything else.
func readStatus(body []byte) status {
	var said status
	if err := json.Unmarshal(body, &said); err != nil || said.Kind != "Status" {
		return status{}
	}
	return said
}

// coded makes an error of a status code.
func coded(path string, code int, said status) error {
	message := "GET " + path + ": " + strconv.Itoa(code) + " " + http.StatusText(code)
	if said.Reason != "" {
		message += ", reason " + quote(said.Reason)
	}
	if said.Message != "" {
		message += ", message " + quote(said.Message)
	}
	if code == http.StatusUnauthorized {
		return fmt.Errorf("%w: %w: %s", ErrForbidden, ErrUnauthorized, message)
	}
	return fmt.Errorf("%w: %s", kind(code), message)
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

// retryAfter reads the header in its form with seconds, which the API uses (RFC 9110, 10.2.3).
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

// reason returns why there is no answer. Errors of package net/http repeat what can't be read of an
// answer, which may be a part of a private key: only texts that can't contain one are passed on.
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
		said.Source = nil // its port would make each failure a different one
		return said.Error()
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection ended before the answer did"
	}
	message := err.Error()
	if strings.HasPrefix(message, "tls: ") || strings.HasPrefix(message, "x509: ") {
		return message
	}
	return "what came is not an answer of HTTP over TLS"
}

// tooLarge makes an error of something that is larger than is read.
func tooLarge(path, what string, most int) error {
	return fmt.Errorf("%w: %w: GET %s: wanted %s of at most %d bytes",
		ErrUnavailable, ErrTooLarge, path, what, most)
}

// quote quotes a text of the API's, the beginning of it if it is long.
func quote(said string) string {
	return strconv.Quote(text.Bound(said, maxSaid))
}

// discard reads what is left of a small answer, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxStatus))
	_ = body.Close()
}
