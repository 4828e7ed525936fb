package generate

import (
	"context"
	"errors"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	// settle is how long changes are collected before they are applied.
	settle = 200 * time.Millisecond
	// applyPatience is how long one application may take.
	applyPatience = 30 * time.Second
	// repeatEvery is how often the same is applied again, should somebody have changed it.
	repeatEvery = 10 * time.Minute
)

// applyPause is how long the next application waits after a failure.
var applyPause = 5 * time.Second

// errNotListed is that the Namespaces can't be listed.
var errNotListed = errors.New("the Namespaces could not be listed")

// NamespaceOf returns what a Namespace says of its tenant, who is in a label.
func NamespaceOf(object *corev1.Namespace, label string) policy.Namespace {
	return policy.NewNamespace(object.Name,
		object.CreationTimestamp.UTC().Format(time.RFC3339), label,
		object.Labels, object.Annotations)
}

// Watch calls apply with the Namespaces once they are known, and whenever they say something new,
// until ctx is done. Several may watch: they apply the same. failed hears of what apply returns,
// which is then called again.
func Watch(ctx context.Context, client kubernetes.Interface, label string,
	apply func(ctx context.Context, namespaces []policy.Namespace) error, failed func(err error),
) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	namespaces := factory.Core().V1().Namespaces()
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	registration, err := namespaces.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(before, after any) { notifyOf(before, after, label, notify) },
		DeleteFunc: func(any) { notify() },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return errNotListed
	}
	list := func() []policy.Namespace { return ofStore(namespaces.Informer().GetStore(), label) }
	next := time.Duration(0)
	for {
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()

			return nil
		case <-changed:
			timer.Stop()
			if next = settle; !sleep(ctx, settle) {
				return nil
			}
		case <-timer.C:
		}
		limited, cancel := context.WithTimeout(ctx, applyPatience)
		err := apply(limited, list())
		cancel()
		next = repeatEvery
		if err != nil && ctx.Err() == nil {
			failed(err)
			if next = 0; !sleep(ctx, applyPause) {
				return nil
			}
		}
	}
}

// notifyOf notifies of a change that counts.
func notifyOf(before, after any, label string, notify func()) {
	one, isOne := before.(*corev1.Namespace)
	other, isOther := after.(*corev1.Namespace)
	if !isOne || !isOther || NamespaceOf(one, label) != NamespaceOf(other, label) {
		notify()
	}
}

func ofStore(store cache.Store, label string) []policy.Namespace {
	var all []policy.Namespace
	for _, object := range store.List() {
		if namespace, ok := object.(*corev1.Namespace); ok {
			all = append(all, NamespaceOf(namespace, label))
		}
	}

	return all
}

// sleep waits, and reports whether ctx is not done by then.
func sleep(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
