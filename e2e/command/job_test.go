package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// TestAuditJob decodes the example: every key is one of the API's, both Jobs run the same, and
// their flags are those of the command. That its rights are enough is in TestWalk.
func TestAuditJob(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(repoRoot(t), "examples/kubernetes/audit-job.yaml"))
	require.NoError(t, err)
	documents := strings.Split(string(content), "\n---\n")
	require.Len(t, documents, 5)
	var job batchv1.Job
	var nightly batchv1.CronJob
	for i, into := range []any{
		&corev1.ServiceAccount{}, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}, &job,
		&nightly,
	} {
		require.NoError(t, kubernetesyaml.UnmarshalStrict([]byte(documents[i]), into))
	}
	template := nightly.Spec.JobTemplate.Spec.Template
	assert.Equal(t, job.Spec.Template, template)
	args := template.Spec.Containers[0].Args
	assert.Zero(t, command.Run(t, append(args, "--help")...).Code)
}
