package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// reloadEvery is how often the policy is read again.
const reloadEvery = 5 * time.Second

// A Keypair is the serving certificate.
type Keypair interface {
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Expiry() time.Time
}

// Config is what a Server is made of.
type Config struct {
	Client kubernetes.Interface
	// Label is the label of a Namespace that says which tenant it is of.
	Label string
	// Policy reads the policy without Namespaces, nil where it has not changed.
	Policy func() (*policy.Parsed, error)
	// Options are the Reviewer's, but for Shared and Fresh.
	Options Options
	Log     *Log
	// Keypair makes the serving certificate, and hears where to say what is wrong with it.
	Keypair func(ctx context.Context, say func(error)) (Keypair, error)
	// Address is where requests come in, over TLS, and Status where /metrics, /readyz and /livez
	// are, without.
	Address, Status string
	// Drain is how long requests are still answered once ctx is done, until no more come.
	Drain time.Duration
}

// server is a running webhook.
type server struct {
	config  Config
	tenants *Tenants
	metrics *Metrics
	synced  func() bool
	ending  atomic.Bool
}

// shutdownPatience is how long the last requests may take.
const shutdownPatience = 10 * time.Second

// Run serves until ctx is done, and then ends without losing a request.
func Run(ctx context.Context, config Config) error {
	parsed, err := config.Policy()
	if err != nil {
		return err
	}
	s := &server{
		config: config, tenants: NewTenants(parsed, config.Label), metrics: NewMetrics(),
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.metrics.Namespaces = s.tenants.Len
	if err := s.watch(background); err != nil {
		return err
	}
	keypair, err := config.Keypair(background, s.sayStale("certificate"))
	if err != nil {
		return fmt.Errorf("the serving certificate: %w", err)
	}
	s.metrics.Expiry = keypair.Expiry
	go s.reload(background)

	return s.serve(ctx, keypair)
}

// serve listens, and ends once ctx is done.
func (s *server) serve(ctx context.Context, keypair Keypair) error {
	handler := http.NewServeMux()
	handler.Handle("/validate", NewHandler(s.reviewer(), s.metrics, s.config.Log, s.synced))
	webhook := newServer(handler)
	webhook.TLSConfig = &tls.Config{
		GetCertificate: keypair.Certificate, MinVersion: tls.VersionTLS12,
	}
	status := newServer(s.statusHandler())
	webhooks, err := net.Listen("tcp", s.config.Address)
	if err != nil {
		return err
	}
	statuses, err := net.Listen("tcp", s.config.Status)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- webhook.ServeTLS(webhooks, "", "") }()
	go func() { failed <- status.Serve(statuses) }()
	s.config.Log.Say("start", "webhook on %s, status on %s", webhooks.Addr(), statuses.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ending.Store(true)
	s.config.Log.Say("end", "no longer ready; ends in %s", s.config.Drain)
	time.Sleep(s.config.Drain)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()

	return errors.Join(webhook.Shutdown(limited), status.Shutdown(limited))
}

// newServer returns a server that waits for nobody for long.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// Whoever connects could write lines without end.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// reviewer returns what decides, with the API behind it.
func (s *server) reviewer() *Reviewer {
	options := s.config.Options
	options.Shared = NewSharedSecrets(s.config.Client).Has
	options.Fresh = func(ctx context.Context, name string) (*corev1.Namespace, error) {
		return s.config.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	}

	return NewReviewer(s.tenants, options)
}

// watch keeps the Namespaces up to date.
func (s *server) watch(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(s.config.Client, 0)
	informer := factory.Core().V1().Namespaces().Informer()
	if err := informer.SetTransform(strip); err != nil {
		return err
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { s.set(object) },
		UpdateFunc: func(_, object any) { s.set(object) },
		DeleteFunc: func(object any) {
			if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
				s.tenants.Delete(key)
			}
		},
	})
	if err != nil {
		return err
	}
	s.synced = registration.HasSynced
	factory.Start(ctx.Done())

	return nil
}

func (s *server) set(object any) {
	if namespace, ok := object.(*corev1.Namespace); ok {
		s.tenants.Set(namespace)
	}
}

// strip keeps of a Namespace what is read.
func strip(object any) (any, error) {
	namespace, ok := object.(*corev1.Namespace)
	if !ok {
		return object, nil
	}

	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:              namespace.Name,
		UID:               namespace.UID,
		ResourceVersion:   namespace.ResourceVersion,
		CreationTimestamp: namespace.CreationTimestamp,
		Labels:            namespace.Labels,
		Annotations:       namespace.Annotations,
	}}, nil
}

// reload keeps the policy up to date. With an error in it the last good one stays.
func (s *server) reload(ctx context.Context) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	say := s.sayStale("policy")
	failure := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		parsed, err := s.config.Policy()
		if err == nil && parsed != nil {
			s.tenants.SetPolicy(parsed)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != failure {
			failure = text
			say(err)
		}
	}
}

// sayStale returns what says that the last good one of a part is in use, or is no more.
func (s *server) sayStale(part string) func(err error) {
	s.metrics.setBroken(part, false)

	return func(err error) {
		s.metrics.setBroken(part, err != nil)
		if err != nil {
			s.config.Log.Say("stale", "the last good %s stays in use: %v", part, err)

			return
		}
		s.config.Log.Say("good", "the %s is good again", part)
	}
}

// statusHandler answers what kubelet and Prometheus ask.
func (s *server) statusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, "ok")
	})
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, _ *http.Request) {
		switch {
		case s.ending.Load():
			http.Error(rw, "ending", http.StatusServiceUnavailable)
		case !s.synced():
			http.Error(rw, errNotReady.Error(), http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(rw, "ok")
		}
	})
	mux.HandleFunc("GET /metrics", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.metrics.write(rw)
	})

	return mux
}
