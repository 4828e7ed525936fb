package kubernetes_test

import (
	"testing"
)

func TestKubernetes(t *testing.T) {
	w := newWorld(t)
	defer w.table(t)
	t.Run("providers", func(t *testing.T) { testProviders(t, w) })
	t.Run("seen", func(t *testing.T) { testSeen(t, w) })
	t.Run("foreign hosts", func(t *testing.T) { testForeignHosts(t, w) })
	t.Run("certificates", func(t *testing.T) { testCertificates(t, w) })
	t.Run("forged names", func(t *testing.T) { testForgedNames(t, w) })
	t.Run("services", func(t *testing.T) { testCollidingNames(t, w) })
	t.Run("namespaces", func(t *testing.T) { testNamespaces(t, w) })
	t.Run("references", func(t *testing.T) { testReferences(t, w) })
	t.Run("roll-out", func(t *testing.T) { testRollOut(t, w) })
	t.Run("with audit", func(t *testing.T) { testWithAudit(t, w) })
	t.Run("with admission", func(t *testing.T) { testWithAdmission(t, w) })
}
