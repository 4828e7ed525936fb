package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// maxLines is how many refusals are logged in a second: who is refused may try again at once.
const maxLines = 10

// Log writes what happens, one JSON object a line.
type Log struct {
	out io.Writer
	now func() time.Time

	mu         sync.Mutex
	second     int64
	lines      int
	suppressed int
}

// NewLog returns a Log.
func NewLog(out io.Writer) *Log {
	return &Log{out: out, now: time.Now}
}

// line is what is written of one event.
type line struct {
	Time      string `json:"time"`
	Event     string `json:"event"`
	Message   string `json:"message,omitempty"`
	Reason    Reason `json:"reason,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	User      string `json:"user,omitempty"`
	DryRun    bool   `json:"dryRun,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	Host      string `json:"host,omitempty"`
	Owner     string `json:"owner,omitempty"`
	// Suppressed is how many refusals were not logged before this one.
	Suppressed int `json:"suppressed,omitempty"`
}

// Say writes what an operator should know.
func (l *Log) Say(event, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(line{Event: event, Message: bound(fmt.Sprintf(format, args...))})
}

// refused writes a refusal, at most maxLines a second.
func (l *Log) refused(request *admissionv1.AdmissionRequest, answer Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := l.now().Unix(); second != l.second {
		l.second, l.lines = second, 0
	}
	if l.lines == maxLines {
		l.suppressed++

		return
	}
	l.lines++
	event := "refuse"
	if answer.Allowed {
		event = "warn"
	}
	l.write(line{
		Event: event, Reason: answer.Reason, Resource: request.Resource.Resource,
		Namespace: request.Namespace, Name: bound(request.Name),
		User: bound(request.UserInfo.Username), DryRun: request.DryRun != nil && *request.DryRun,
		Tenant: bound(answer.Tenant), Host: bound(answer.Name), Owner: bound(answer.Owner),
		Suppressed: l.suppressed,
	})
	l.suppressed = 0
}

func (l *Log) write(one line) {
	one.Time = l.now().UTC().Format(time.RFC3339)
	content, err := json.Marshal(one)
	if err == nil {
		_, _ = l.out.Write(append(content, '\n'))
	}
}
