package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// secretsVariable is the environment variable with the number of Secrets of TestLargeNamespace.
const secretsVariable = "TENANTGUARD_TEST_SECRETS"

// TestLargeNamespace measures a namespace of many Secrets as cert-manager writes them: a leaf and
// its issuer, an RSA key, annotations and managed fields.
func TestLargeNamespace(t *testing.T) {
	c := start(t)
	s, now := c.store(t)
	s.patience = time.Minute
	count := 1000
	if text := os.Getenv(secretsVariable); text != "" {
		count, _ = strconv.Atoi(text)
	}
	leaves := make([][]byte, count)
	pages := largePages(leaves)
	size := 0
	for _, page := range pages {
		size += len(page)
	}
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		from, _ := strconv.Atoi(req.URL.Query().Get("continue"))
		if strings.HasPrefix(call, "list") {
			_, _ = rw.Write(pages[from/pageSize])
		}
		return strings.HasPrefix(call, "list")
	})
	_, _, _ = look(s, "first", ttl, grace, "small") // makes the connection
	before := heap()
	ask := func(description string, leaf []byte, want bool) {
		var allocated runtime.MemStats
		runtime.ReadMemStats(&allocated)
		total := allocated.TotalAlloc
		most := &atomic.Int64{}
		stop := sample(most)
		begin := time.Now()
		_, found, err := s.Confirm(context.Background(), leaf, []string{"acme"}, ttl, grace)
		took := time.Since(begin)
		close(stop)
		runtime.ReadMemStats(&allocated)
		if found != want || err != nil {
			t.Errorf("%s: %t, %v", description, found, err)
		}
		peak := most.Load() - before
		if most.Load() == 0 {
			peak = 0 // it was over before anything was measured
		}
		t.Logf("%s: %s, %.1f MB allocated in all, %.1f MB at a time", description,
			took.Round(time.Microsecond*10), float64(allocated.TotalAlloc-total)/1e6,
			float64(peak)/1e6)
	}
	t.Logf("%d Secrets, %.1f MB of JSON in %d pages", count, float64(size)/1e6, len(pages))
	ask("first leaf", leaves[count-1], true)
	kept := heap() - before
	ask("another leaf", leaves[17], true)
	ask("forged leaf", []byte("forged"), false)
	ask("forged leaf again", []byte("forged"), false)
	now.pass(ttl)
	ask("forged leaf after ttl", []byte("forged"), false)
	t.Logf("%.2f MB kept, %d bytes for each Secret", float64(kept)/1e6, kept/int64(count))
	if kept/int64(count) > 600 {
		t.Errorf("%d bytes kept of %d Secrets, want at most 600 each", kept, count)
	}
	runtime.KeepAlive(s)
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// sample finds the most memory in use, garbage that is not yet collected included, until stop is
// closed.
func sample(most *atomic.Int64) chan struct{} {
	stop := make(chan struct{})
	go sampling(most, stop)
	return stop
}

func sampling(most *atomic.Int64, stop chan struct{}) {
	var stats runtime.MemStats
	for {
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
		runtime.ReadMemStats(&stats)
		if int64(stats.HeapAlloc) > most.Load() {
			most.Store(int64(stats.HeapAlloc))
		}
	}
}

func largePages(leaves [][]byte) [][]byte {
	random := rand.New(rand.NewSource(1))
	issuer, key := make([]byte, 1300), make([]byte, 1700)
	random.Read(issuer)
	random.Read(key)
	chain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer}))
	encodedKey := base64.StdEncoding.EncodeToString(key)
	managed := strings.Repeat(`{"manager":"cert-manager","operation":"Update","apiVersion":"v1",`+
		`"fieldsType":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:tls.crt":{},"f:tls.key":{}}}},`, 8)
	var pages [][]byte
	for from := 0; from < len(leaves); from += pageSize {
		page := &bytes.Buffer{}
		more := ""
		if from+pageSize < len(leaves) {
			more = strconv.Itoa(from + pageSize)
		}
		page.WriteString(fmt.Sprintf(`{"kind":"SecretList","apiVersion":"v1",`+
			`"metadata":{"resourceVersion":"7","continue":%q},"items":[`, more))
		for i := from; i < from+pageSize && i < len(leaves); i++ {
			leaf := make([]byte, 1200)
			random.Read(leaf)
			leaves[i] = leaf
			text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})) + chain
			if i > from {
				page.WriteString(",")
			}
			page.WriteString(fmt.Sprintf(`{"metadata":{"name":"www-%d-example-com-tls",`+
				`"namespace":"acme","managedFields":[%s{}]},`+
				`"data":{"tls.crt":"%s","tls.key":"%s"},"type":"kubernetes.io/tls"}`,
				i, managed, base64.StdEncoding.EncodeToString([]byte(text)), encodedKey))
		}
		page.WriteString("]}")
		pages = append(pages, page.Bytes())
	}
	return pages
}
