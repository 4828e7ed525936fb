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
	lists := [][]string{n.Errors, n.ByNameOnly, n.Broad, n.Alike, n.LeftOut, n.WrongMarks}
	for _, list := range lists {
		if len(list) > 0 {
			text = fmt.Sprintf("%q", lists)
		}
	}
	if text == "" && n.Outdated != "" {
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
