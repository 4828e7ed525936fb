package kubernetes_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// steadyState counts the guard's calls during 1,000 requests to four hosts, all of them requested
// before.
func (l *faultLab) steadyState(t *testing.T) {
	hosts := []string{"known.acme.test", l.newHost(t), l.newHost(t), l.newHost(t)}
	for _, ttl := range []string{"30s", shortTTL.String()} {
		l.tr.ApplyGuard(t, lab.Merge(l.guard, lab.Map{"certificates": lab.Map{"ttl": ttl}}))
		for _, host := range hosts {
			require.Equal(t, http.StatusOK, l.send(t.Context(), host).status)
		}
		l.proxy.Reset()
		started := time.Now()
		l.thousand(t, hosts)
		what := fmt.Sprintf("requests to the API per 1,000 guarded ones, 4 certificates, "+
			"ttl %s, in %s", ttl, rounded(time.Since(started)))
		l.figure(what, strconv.Itoa(len(l.proxy.Calls(ofGuard))))
	}
}

// thousand makes 1,000 requests at a few hundred a second.
func (l *faultLab) thousand(t *testing.T, hosts []string) {
	t.Helper()
	var all sync.WaitGroup
	for _, host := range hosts {
		conn := lab.Dial(t, lab.HTTP1, l.tr.Target(host))
		all.Go(func() {
			for range 1000 / len(hosts) {
				response, err := conn.Try(t.Context(), lab.Request{Host: host})
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, response.Status, response.Reason())
				}
				time.Sleep(8 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

// renewed checks that the first request after a Secret's renewal passes, and measures it.
func (l *faultLab) renewed(t *testing.T) {
	const times = 5
	var first, next time.Duration
	for range times {
		certificate := lab.SelfSigned(t, "known.acme.test")
		l.acme.Secret(t, "known", certificate)
		l.tr.WaitCertificate(t, "known.acme.test", certificate)
		s := l.send(t.Context(), "known.acme.test")
		require.Equal(t, http.StatusOK, s.status, s.reason)
		first += s.end.Sub(s.start)
		s = l.send(t.Context(), "known.acme.test")
		require.Equal(t, http.StatusOK, s.status, s.reason)
		next += s.end.Sub(s.start)
	}
	mean := func(sum time.Duration) string {
		return (sum / times).Round(100 * time.Microsecond).String()
	}
	l.figure("first request of a renewed certificate, with its handshake", mean(first))
	l.figure("the request after it", mean(next))
}

// manySecrets requests a host whose certificate is in a namespace with 5,000 Secrets.
func (l *faultLab) manySecrets(t *testing.T) {
	large := l.large
	large.Service(t, "backend")
	certificate := lab.SelfSigned(t, "new.large.test")
	large.Secret(t, "zzz", certificate)
	large.Apply(t, l.route("web", "new.large.test", "zzz"))
	l.tr.WaitRouter(t, cluster.ForHost("new.large.test"))
	l.tr.WaitCertificate(t, "new.large.test", certificate)
	before := resident(t, l.pid)
	l.proxy.Reset()
	s := l.send(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: the first request", rounded(s.end.Sub(s.start)))
	l.figure("5,000 Secrets: requests to the API for it", strconv.Itoa(len(l.proxy.Calls(ofGuard))))
	l.figure("5,000 Secrets: Traefik's memory before and after it",
		fmt.Sprintf("%d MB, %d MB", before, resident(t, l.pid)))
	time.Sleep(2 * shortTTL)
	l.proxy.Reset()
	s = l.send(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: a request after ttl",
		fmt.Sprintf("%s, %d to the API", rounded(s.end.Sub(s.start)), len(l.proxy.Calls(ofGuard))))

	renewed := lab.SelfSigned(t, "new.large.test")
	large.Secret(t, "zzz", renewed)
	l.tr.WaitCertificate(t, "new.large.test", renewed)
	s = l.send(t.Context(), "new.large.test")
	require.Equal(t, http.StatusOK, s.status, s.reason)
	l.figure("5,000 Secrets: the first request of a renewed certificate",
		rounded(s.end.Sub(s.start)))
	l.figure("5,000 Secrets: Traefik's memory after all", fmt.Sprintf("%d MB", resident(t, l.pid)))
}

// fill creates Secrets as large as those of a public authority: an RSA key, a leaf and two
// intermediates.
func (l *faultLab) fill(t *testing.T, namespace string) {
	t.Helper()
	client, err := kubernetes.NewForConfig(l.Admin())
	require.NoError(t, err)
	issuer := lab.SelfSignedSpec(t, lab.Spec{RSA: true, CommonName: "large"})
	key := []byte(readFile(t, issuer.KeyFile))
	chain := bytes.Repeat([]byte(readFile(t, issuer.CertFile)), 2)
	ecdsa := lab.SelfSigned(t, "many.large.test")
	each(t, largeSecrets, func(i int) error {
		template := *ecdsa.Certificate
		template.SerialNumber = big.NewInt(int64(i + 1))
		template.Signature, template.PublicKey = nil, nil
		der, err := x509.CreateCertificate(rand.Reader, &template, ecdsa.Certificate,
			ecdsa.Key.Public(), ecdsa.Key)
		if err != nil {
			return err
		}
		leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		_, err = client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("s-%d", i)},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{"tls.crt": append(leaf, chain...), "tls.key": key},
		}, metav1.CreateOptions{})
		return err
	})
}

// each calls do count times, a few at a time.
func each(t *testing.T, count int, do func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	numbers := make(chan int)
	for range 16 {
		all.Go(func() {
			for i := range numbers {
				assert.NoError(t, do(i))
			}
		})
	}
	for i := range count {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	require.False(t, t.Failed())
}

// thousandNamespaces adds 1,000 tenants while requests are guarded.
func (l *faultLab) thousandNamespaces(t *testing.T) {
	client, err := kubernetes.NewForConfig(l.Admin())
	require.NoError(t, err)
	before := resident(t, l.pid)
	started := time.Now()
	known, hijacked := l.probe(t, "known.acme.test"), l.probe(t, "hijacked.acme.test")
	each(t, manyNamespaces, func(i int) error {
		name := fmt.Sprintf("many-%d", i)
		hosts := fmt.Sprintf("%s.test, *.%s.test", name, name)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{"tenantguard.io/tenant": name},
			Annotations: map[string]string{"tenantguard.io/hosts": hosts},
		}}
		_, err := client.CoreV1().Namespaces().Create(t.Context(), namespace,
			metav1.CreateOptions{})
		return err
	})
	made := time.Now()
	l.addLate(t)
	require.Eventually(t, func() bool {
		return l.send(t.Context(), "new.late.test").status == http.StatusOK
	}, comeBack, probePause/2)
	l.figure("1,000 Namespaces: made within", rounded(made.Sub(started)))
	l.figure("1,000 Namespaces: one more is known after", rounded(time.Since(made)))
	l.figure("1,000 Namespaces: Traefik's memory before and after",
		fmt.Sprintf("%d MB, %d MB", before, resident(t, l.pid)))
	l.row(fault{name: "1,000 Namespaces"}, "confirmed before", known.end(), started, made)
	samples := hijacked.end()
	for _, s := range samples {
		require.NotEqual(t, http.StatusOK, s.status)
	}
	l.row(fault{name: "1,000 Namespaces"}, "another tenant's certificate", samples, started, made)
	l.dropLate(t)
}

// processOf returns the id of the process that was started in a directory.
func processOf(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil && bytes.Contains(content, []byte("--configFile="+dir+"/")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(t, err)
			return pid
		}
	}
	require.FailNow(t, "no /proc to find Traefik's memory in, as Linux has")

	return 0
}

// resident returns a process's resident memory in MB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if value, is := strings.CutPrefix(line, "VmRSS:"); is {
			kilobytes, err := strconv.Atoi(strings.Fields(value)[0])
			require.NoError(t, err)
			return kilobytes / 1024
		}
	}
	require.FailNow(t, "no VmRSS")

	return 0
}
