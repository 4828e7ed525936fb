package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// canary is a policy that refuses one ConfigMap.
const canary = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
  validations: [{expression: "object.metadata.name != '%[1]s'"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

// AwaitPolicies waits until all policies and bindings that were applied before are in force. The
// API server takes a new state of them once a second, in the order in which they were written, so
// one that is written last and refuses says the same of all others; that some other one refuses
// does not.
func (c *Cluster) AwaitPolicies(t lab.T) {
	t.Helper()
	lab.Fatal(t, c.awaitPolicies(t.Context()), "waiting for the policies of admission")
}

func (c *Cluster) awaitPolicies(ctx context.Context) error {
	name := fmt.Sprintf("canary-%d", time.Now().UnixNano())
	policy := fmt.Sprintf(canary, name)
	if err := c.TryApply(ctx, c.Admin(), policy); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		return err
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	err = until(ctx, func() error {
		_, err := client.CoreV1().ConfigMaps("default").Create(ctx, object, dryRun)
		if err == nil {
			return errors.New(name + " refuses nothing")
		}
		if !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+name) {
			return err
		}

		return nil
	})
	if err != nil {
		return err
	}

	return c.TryDelete(ctx, c.Admin(), policy)
}
