// Package webhook refuses at creation what a ValidatingAdmissionPolicy can't see, above all a
// Secret with a certificate for another tenant's host. It decides with the plugin's own code.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reason is why an object is refused: a bounded set, for metrics.
type Reason string

// The reasons.
const (
	ReasonForeign     Reason = "certificate-foreign"
	ReasonUnowned     Reason = "certificate-unowned"
	ReasonForged      Reason = "certificate-forged"
	ReasonUnreadable  Reason = "certificate-unreadable"
	ReasonNoTenant    Reason = "no-tenant"
	ReasonMarks       Reason = "namespace-marks"
	ReasonShared      Reason = "shared-object"
	ReasonUnavailable Reason = "unavailable"
	ReasonUnknown     Reason = "unknown-request"
)

// Reasons returns all of them.
func Reasons() []Reason {
	return []Reason{ReasonForeign, ReasonUnowned, ReasonForged, ReasonUnreadable, ReasonNoTenant,
		ReasonMarks, ReasonShared, ReasonUnavailable, ReasonUnknown}
}

// An Answer is what came of one review.
type Answer struct {
	Allowed bool
	// Reason is why it is refused, or would be.
	Reason Reason
	// Message is what the refused user reads.
	Message string
	// Warning is what a user reads who is not refused.
	Warning string
	// Tenant, Owner and Name are, for the log, whose the Namespace is, who has the name of a
	// certificate, and that name.
	Tenant, Owner, Name string
}

func pass() Answer {
	return Answer{Allowed: true}
}

func refuse(reason Reason, message string) Answer {
	return Answer{Reason: reason, Message: message}
}

// Options are what a Reviewer can be told.
type Options struct {
	// ClusterDomain is the domain of the cluster's Services.
	ClusterDomain string
	// NameOwners has messages name the tenant that has a name.
	NameOwners bool
	// Warn has what would be refused pass, with the refusal as a warning.
	Warn bool
	// Exempt are the namespaces in which only operators write.
	Exempt []string
	// Shared reports whether a certificate, in DER, lies in a Secret of one of the namespaces. It
	// is nil where nobody can be asked.
	Shared func(ctx context.Context, namespaces []string, der []byte) (bool, error)
	// Fresh reads a Namespace from the API, nil where that can't be asked.
	Fresh func(ctx context.Context, name string) (*corev1.Namespace, error)
}

// A Reviewer decides on objects.
type Reviewer struct {
	tenants *Tenants
	options Options

	mu sync.Mutex
	// askedAt is when the API was asked for a Namespace last.
	askedAt map[string]time.Time
}

// NewReviewer returns a Reviewer for the tenants.
func NewReviewer(tenants *Tenants, options Options) *Reviewer {
	return &Reviewer{tenants: tenants, options: options, askedAt: map[string]time.Time{}}
}

const (
	// freshPatience is how long a Namespace is waited for.
	freshPatience = 2 * time.Second
	// freshPause is how long the API is not asked for the same Namespace again: whoever is refused
	// may try again without pause.
	freshPause = time.Second
	// maxAsked bounds the Namespaces of which it is known when they were asked for.
	maxAsked = 10000
)

// Review decides on a request of the API server.
func (r *Reviewer) Review(ctx context.Context, request *admissionv1.AdmissionRequest) Answer {
	answer := r.reviewTwice(ctx, request)
	if !answer.Allowed && r.options.Warn {
		answer.Allowed = true
		answer.Warning = "tenantguard would refuse this: " + answer.Message
	}

	return answer
}

// reviewTwice decides on a request. Before it refuses anything it looks at the
// Namespace once more: a Secret often comes right behind the Namespace or the host that it is for.
func (r *Reviewer) reviewTwice(ctx context.Context, request *admissionv1.AdmissionRequest,
) Answer {
	answer := r.review(ctx, request)
	if answer.Allowed || request.Resource.Resource != "secrets" || !r.mayAsk(request.Namespace) {
		return answer
	}
	limited, cancel := context.WithTimeout(ctx, freshPatience)
	defer cancel()
	fresh, err := r.options.Fresh(limited, request.Namespace)
	if err != nil || !r.tenants.Set(fresh) {
		return answer
	}

	return r.review(ctx, request)
}

// mayAsk reports whether the API may be asked for a Namespace now.
func (r *Reviewer) mayAsk(namespace string) bool {
	if r.options.Fresh == nil || namespace == "" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.askedAt[namespace]) < freshPause {
		return false
	}
	if len(r.askedAt) >= maxAsked {
		r.askedAt = map[string]time.Time{}
	}
	r.askedAt[namespace] = now

	return true
}

func (r *Reviewer) review(ctx context.Context, request *admissionv1.AdmissionRequest) Answer {
	if request.Operation != admissionv1.Create && request.Operation != admissionv1.Update {
		return pass()
	}
	v := r.tenants.view()
	if r.isExempt(v, request.Namespace) {
		return pass()
	}
	resource := request.Resource
	switch resource.Group + "/" + resource.Resource {
	case "/secrets":
		return r.secretRequest(ctx, v, request)
	case "/namespaces":
		return r.namespaceRequest(v, request)
	case "traefik.io/tlsstores":
		return refuse(ReasonShared, "a TLSStore is everybody's, whatever namespace it lies in, so "+
			"it is the operators'; name the Secret in tls.secretName of your routes")
	case "traefik.io/tlsoptions":
		if nameOf(request.Object.Raw) != "default" {
			return pass()
		}

		return refuse(ReasonShared, "the TLSOption default is everybody's, so it is the "+
			"operators'; give yours another name")
	case "gateway.networking.k8s.io/gateways", "gateway.networking.k8s.io/listenersets",
		"gateway.networking.x-k8s.io/xlistenersets":
		return refuse(ReasonShared, fmt.Sprintf("the listeners of a %s take hosts and ports of "+
			"all, so it is the operators' to write; attach routes to theirs", request.Kind.Kind))
	}

	return refuse(ReasonUnknown, fmt.Sprintf("tenantguard has no rule for %s of the group %q; "+
		"take it out of the ValidatingWebhookConfiguration",
		shown(resource.Resource), resource.Group))
}

// nameOf returns the name in an object, "" where there is none.
func nameOf(object []byte) string {
	var read metav1.PartialObjectMetadata
	if json.Unmarshal(object, &read) != nil {
		return ""
	}

	return read.Name
}

// isExempt reports whether only operators write in a namespace.
func (r *Reviewer) isExempt(v *view, namespace string) bool {
	if namespace == "" {
		return false
	}
	for _, exempt := range r.options.Exempt {
		if exempt == namespace {
			return true
		}
	}

	return v.isShared(namespace)
}

// secretRequest decides on a Secret. One whose certificate was there before passes, unless the
// change is of a kind that counts: labels and annotations may choose who reads it.
func (r *Reviewer) secretRequest(ctx context.Context, v *view,
	request *admissionv1.AdmissionRequest,
) Answer {
	var secret, before corev1.Secret
	if err := json.Unmarshal(request.Object.Raw, &secret); err != nil {
		return refuse(ReasonUnreadable, "the Secret can't be read: "+err.Error())
	}
	if request.Operation == admissionv1.Update &&
		json.Unmarshal(request.OldObject.Raw, &before) == nil && unchanged(&secret, &before) {
		return pass()
	}
	// The API server has written stringData into data. Elsewhere, as in tests, it has not.
	for key, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key] = []byte(value)
	}

	return r.secret(ctx, v, request.Namespace, secret.Data)
}

// unchanged reports whether nothing of a Secret changes that counts.
func unchanged(secret, before *corev1.Secret) bool {
	return len(secret.StringData) == 0 && equality.Semantic.DeepEqual(secret.Data, before.Data) &&
		equality.Semantic.DeepEqual(secret.Labels, before.Labels) &&
		equality.Semantic.DeepEqual(secret.Annotations, before.Annotations)
}

// Response returns the answer as the API server reads it.
func (a Answer) Response(request *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	response := &admissionv1.AdmissionResponse{UID: request.UID, Allowed: a.Allowed}
	if a.Warning != "" {
		response.Warnings = []string{a.Warning}
	}
	if a.Allowed {
		return response
	}
	response.Result = &metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
		Message: a.Message,
	}
	response.AuditAnnotations = map[string]string{"reason": string(a.Reason)}
	if a.Owner != "" {
		response.AuditAnnotations["owner"] = bound(a.Owner)
	}

	return response
}
