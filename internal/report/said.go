package report

import (
	"fmt"
	"sync"
)

// Said is what was said last of each subject, so that no notice is said twice in a row. The zero
// Said is ready to use.
type Said struct {
	mu    sync.Mutex
	texts map[string]string
}

// IsNew reports whether a notice says something, and not what was said last of its subject. It
// remembers the notice.
func (s *Said) IsNew(subject string, n Notice) bool {
	text := ""
	if len(n.Errors)+len(n.ByNameOnly)+len(n.Broad)+len(n.Alike)+len(n.LeftOut) > 0 {
		text = fmt.Sprintf("%q %q %q %q %q",
			n.Errors, n.ByNameOnly, n.Broad, n.Alike, n.LeftOut)
	} else if n.Outdated != "" {
		text = "outdated" // whatever the reason is by now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	if s.texts[subject] == text {
		return false
	}
	s.texts[subject] = text
	return text != ""
}
