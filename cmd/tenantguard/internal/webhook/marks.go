package webhook

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

// namespaceRequest refuses a Namespace with a label or an annotation that the guard would leave
// out, such as a host that is another tenant's. Who may write them is for the policy
// tenantguard-namespaces, which can ask for a user's rights. What was wrong before stays.
func (r *Reviewer) namespaceRequest(v *view, request *admissionv1.AdmissionRequest) Answer {
	var object, before corev1.Namespace
	if err := json.Unmarshal(request.Object.Raw, &object); err != nil {
		return refuse(ReasonUnreadable, "the Namespace can't be read: "+err.Error())
	}
	if request.Operation == admissionv1.Update {
		if json.Unmarshal(request.OldObject.Raw, &before) == nil &&
			r.tenants.read(&object) == r.tenants.read(&before) {
			return pass()
		}
	}
	if r.isExempt(v, object.Name) {
		return pass()
	}
	known := map[string]bool{}
	for _, text := range wrongOf(v, object.Name) {
		known[text] = true
	}
	var wrong []string
	for _, text := range wrongOf(r.tenants.with(&object), object.Name) {
		if !known[text] {
			wrong = append(wrong, text)
		}
	}
	for _, word := range wrongWords(object.Annotations[policy.AllowAnnotation]) {
		wrong = append(wrong, fmt.Sprintf("namespace %q: %s: %s", object.Name,
			policy.AllowAnnotation, word))
	}
	if len(wrong) == 0 {
		return pass()
	}

	return refuse(ReasonMarks, bounded(wrong)+"; the guard would leave this out, write it right "+
		"or remove it")
}

// wrongOf returns what the guard would say is wrong with a Namespace.
func wrongOf(v *view, name string) []string {
	var wrong []string
	prefix := fmt.Sprintf("namespace %q: ", name)
	for _, list := range [][]string{v.policy.LeftOut, v.policy.WrongMarks} {
		for _, text := range list {
			if strings.HasPrefix(text, prefix) {
				wrong = append(wrong, text)
			}
		}
	}

	return wrong
}

// wrongWords returns what is wrong with the words for certificates in the annotation of what a
// Namespace may do beyond others.
func wrongWords(annotation string) []string {
	var wrong []string
	for _, word := range strings.Split(annotation, ",") {
		text, found := strings.CutPrefix(strings.TrimSpace(word), allowWord)
		if !found {
			continue
		}
		if err := patternError(text); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", shown(word), err))
		}
	}

	return wrong
}

// maxWrong is how many errors a message has.
const maxWrong = 5

func bounded(texts []string) string {
	more := ""
	if len(texts) > maxWrong {
		more = fmt.Sprintf(" (and %d more)", len(texts)-maxWrong)
		texts = texts[:maxWrong]
	}

	return strings.Join(texts, "; ") + more
}
