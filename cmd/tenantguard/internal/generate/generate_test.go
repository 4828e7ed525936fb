package generate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func parse(t *testing.T) *policy.Parsed {
	t.Helper()
	parsed, errs := policy.Parse(map[string]any{}, nil, "", true)
	require.Empty(t, errs)

	return parsed
}

func labelled(name, hosts string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1, 0)),
		Labels:      map[string]string{policy.TenantLabel: name},
		Annotations: map[string]string{policy.HostsAnnotation: hosts},
	}}
}

func paths(files []File) []string {
	var all []string
	for _, file := range files {
		all = append(all, file.Path)
	}

	return all
}

func TestManifests(t *testing.T) {
	owners := map[string]string{"acme.test": "acme"}
	hook := admission.DefaultWebhook()
	cases := []struct {
		description string
		in          Input
		action      string
		withOwners  bool
		last        []string
		has         []string
	}{
		{"that deny", Input{}, Deny, false, []string{"deny/bindings.yaml"}, nil},
		{"that warn", Input{}, Warn, false, []string{"warn/bindings.yaml"}, nil},
		{"with the second layer", Input{Owners: owners}, Deny, true,
			[]string{"deny/bindings.yaml", "owners.yaml"},
			[]string{ownersFile, "policies/owners.yaml"}},
		{"with the second layer, that warns", Input{Owners: owners}, Warn, true,
			[]string{"warn/bindings.yaml", "owners-warn.yaml"}, []string{ownersFile}},
		{"with the webhook", Input{Webhook: &hook}, Deny, false, []string{"deny/bindings.yaml"},
			[]string{webhookFile}},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			c.in.Options = admission.Defaults()
			files, err := c.in.Manifests(c.action, c.withOwners)
			require.NoError(t, err)
			got := paths(files)
			assert.Equal(t, c.last, got[len(got)-len(c.last):], "what binds comes last")
			assert.Equal(t, c.withOwners, slices.Contains(got, "policies/owners.yaml"))
			for _, path := range c.has {
				assert.Contains(t, got, path)
			}
			objects, err := Objects(Join(files))
			require.NoError(t, err)
			names := map[string]bool{}
			for _, object := range objects {
				name := object.GetKind() + "/" + object.GetName()
				assert.False(t, names[name], "%s twice", name)
				names[name] = true
				assert.Contains(t, plurals, object.GetKind())
			}
		})
	}
}

func TestFolder(t *testing.T) {
	files, err := Input{
		Options: admission.Defaults(), Owners: map[string]string{"a": "b"}}.Folder()
	require.NoError(t, err)
	assert.Subset(t, paths(files), []string{"policies/secrets.yaml", "warn/bindings.yaml",
		"deny/bindings.yaml", ownersFile})
	assert.Contains(t, files[len(files)-1].Content, "data:\n  a: b\n")
}

func TestOwnersAreBounded(t *testing.T) {
	var namespaces []policy.Namespace
	long := strings.Repeat("x", 60) + "." + strings.Repeat("y", 60)
	for i := range 200 {
		var hosts []string
		for j := range 50 {
			hosts = append(hosts, strings.Repeat("z", 1+i%50)+string(rune('a'+j%26))+"."+
				strings.Repeat("w", 1+j)+"."+string(rune('a'+i/50))+long)
		}
		name := strings.Repeat("n", 1+i%60) + string(rune('a'+i/60))
		namespaces = append(namespaces, NamespaceOf(
			labelled(name, strings.Join(hosts, ",")), policy.TenantLabel))
	}
	_, err := Owners(parse(t), namespaces)
	require.ErrorContains(t, err, "wanted at most the 1048576 of a ConfigMap")
	_, err = Owners(parse(t), namespaces[:10])
	assert.NoError(t, err)
}

func TestWatch(t *testing.T) {
	applyPause = 100 * time.Millisecond
	client := fake.NewClientset(labelled("acme", "acme.test"))
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var applied [][]policy.Namespace
	var failures int
	last := func() []policy.Namespace {
		mu.Lock()
		defer mu.Unlock()
		if len(applied) == 0 {
			return nil
		}

		return applied[len(applied)-1]
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()

		return len(applied)
	}
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, client, policy.TenantLabel,
			func(_ context.Context, namespaces []policy.Namespace) error {
				mu.Lock()
				defer mu.Unlock()
				applied = append(applied, namespaces)
				if len(namespaces) == 3 && failures == 0 {
					return errors.New("once")
				}

				return nil
			},
			func(error) { failures++ })
	}()
	has := func(n int, hosts string) func() bool {
		return func() bool {
			namespaces := last()

			return len(namespaces) == n && slices.ContainsFunc(namespaces,
				func(n policy.Namespace) bool { return n.Hosts == hosts })
		}
	}
	require.Eventually(t, has(1, "acme.test"), 5*time.Second, 10*time.Millisecond)
	all := client.CoreV1().Namespaces()
	_, err := all.Create(ctx, labelled("globex", "globex.test"), metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, has(2, "globex.test"), 5*time.Second, 10*time.Millisecond)

	before := -1
	for before != count() { // the last changes are applied
		before = count()
		time.Sleep(3 * settle)
	}
	other := labelled("globex", "globex.test")
	other.Labels["other"] = "x"
	_, err = all.Update(ctx, other, metav1.UpdateOptions{})
	require.NoError(t, err)
	time.Sleep(3 * settle)
	assert.Equal(t, before, count(), "another label is no change")

	_, err = all.Create(ctx, labelled("third", "third.test"), metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return count() >= before+2 && has(3, "third.test")() },
		5*time.Second, 50*time.Millisecond, "a failure is tried again")
	require.NoError(t, all.Delete(ctx, "globex", metav1.DeleteOptions{}))
	require.Eventually(t, has(2, "third.test"), 5*time.Second, 10*time.Millisecond)
	cancel()
	assert.NoError(t, <-done)
}
