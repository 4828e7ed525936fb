package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// testLongAnnotation has a tenant write as much into its annotation as the API takes, of what is
// right and of what is wrong. The guard reads none of it and says so in short, and others go on.
func testLongAnnotation(t *testing.T, l *fieldLab) {
	const size = 200 << 10
	var many strings.Builder
	for i := 0; many.Len() < size; i++ {
		fmt.Fprintf(&many, "*.h%d.hoarder.test,", i)
	}
	const label = "tenantguard.io/tenant=hoarder"
	hoarder := l.member(t, "hoarder", label, "@tenantguard.io/hosts=hoarder.test")
	quiet := l.member(t, "quiet", "tenantguard.io/tenant=quiet", "@tenantguard.io/hosts=quiet.test")
	hoarder.serve(t, "hoarder.test", l.off, l.on)
	quiet.serve(t, "quiet.test", l.off, l.on)
	until(t, l.on, "hoarder.test", "hoarder")
	until(t, l.on, "quiet.test", "quiet")
	others := startClients(t, l.on.Addr("websecure"), "quiet.test")
	before := l.on.Log.Len()
	for _, annotation := range []string{
		many.String(), strings.Repeat("..,", size/3), strings.Repeat("\x01", size),
	} {
		l.Namespace(t, "hoarder", label, "@tenantguard.io/hosts=hoarder.test,"+annotation)
		until(t, l.on, "hoarder.test", "host-unowned")
		l.Namespace(t, "hoarder", label, "@tenantguard.io/hosts=hoarder.test")
		until(t, l.on, "hoarder.test", "hoarder")
	}
	l.on.Log.Wait(t, "wanted at most 65536 bytes")
	others.end(t, map[string]string{"quiet.test": "quiet"})
	for _, line := range l.on.Log.Lines()[before:] {
		assert.Less(t, len(line), 4096, "%.300s", line)
	}
}
