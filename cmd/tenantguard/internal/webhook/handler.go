package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

const (
	// maxBody is how many bytes a request may have. An update carries two Secrets of 1 MiB, each
	// in base64 and with its annotations.
	maxBody = 8 << 20
	// maxBodies bounds the bodies of all requests together, of which each holds what has come in.
	maxBodies = 128 << 20
	// maxReviews is how many requests are decided at once.
	maxReviews = 8
	// reviewPatience is how long a request may take, less than timeoutSeconds of the webhook.
	reviewPatience = 8 * time.Second
)

var (
	errTooLarge = fmt.Errorf("wanted at most %d bytes", maxBody)
	errBusy     = errors.New("too many requests at once")
	errNotReady = errors.New("the Namespaces are not known yet")
)

// Handler answers the requests of the API server.
type Handler struct {
	reviewer *Reviewer
	metrics  *Metrics
	log      *Log
	// ready reports whether the Namespaces are known.
	ready  func() bool
	slots  chan struct{}
	bodies atomic.Int64
}

// NewHandler returns a Handler.
func NewHandler(reviewer *Reviewer, metrics *Metrics, log *Log, ready func() bool) *Handler {
	return &Handler{
		reviewer: reviewer, metrics: metrics, log: log, ready: ready,
		slots: make(chan struct{}, maxReviews),
	}
}

// ServeHTTP decides on one request. Before all Namespaces are known a host may seem to be nobody
// else's, so nothing is decided.
func (h *Handler) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), reviewPatience)
	defer cancel()
	began := time.Now()
	if !h.ready() {
		h.fail(rw, http.StatusServiceUnavailable, errNotReady)

		return
	}
	body, release, err := h.read(rw, req)
	defer release()
	if err != nil {
		h.fail(rw, statusOf(err), err)

		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		h.fail(rw, http.StatusServiceUnavailable, errBusy)

		return
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil || review.Request == nil {
		h.fail(rw, http.StatusBadRequest, errors.New("wanted an AdmissionReview with a request"))

		return
	}
	answer := h.reviewer.Review(ctx, review.Request)
	h.metrics.review(review.Request, answer, time.Since(began))
	if answer.Reason != "" {
		h.log.refused(review.Request, answer)
	}
	response := admissionv1.AdmissionReview{
		TypeMeta: review.TypeMeta, Response: answer.Response(review.Request),
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(response)
}

// read reads the body of a request. What release is called for counts until then.
func (h *Handler) read(rw http.ResponseWriter, req *http.Request) ([]byte, func(), error) {
	if req.Method != http.MethodPost {
		return nil, func() {}, fmt.Errorf("method %s, wanted POST", req.Method)
	}
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, func() {}, errors.New("wanted the content type application/json")
	}
	counted := &counter{reader: http.MaxBytesReader(rw, req.Body, maxBody), total: &h.bodies}
	body, err := io.ReadAll(counted)

	return body, counted.release, err
}

// counter counts what is read among the bodies of all requests.
type counter struct {
	reader io.Reader
	total  *atomic.Int64
	own    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.own += int64(n)
	if c.total.Add(int64(n)) > maxBodies {
		return n, errBusy
	}

	return n, err
}

func (c *counter) release() {
	c.total.Add(-c.own)
}

func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, errBusy) {
		return http.StatusServiceUnavailable
	}

	return http.StatusBadRequest
}

// fail answers what is no answer for the API server, which then refuses the object.
func (h *Handler) fail(rw http.ResponseWriter, status int, err error) {
	if status == http.StatusRequestEntityTooLarge {
		err = errTooLarge
	}
	h.metrics.failure()
	http.Error(rw, err.Error(), status)
}
