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
	text := n.text()
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

// text is the same for notices that say the same, and "" for one that says nothing.
func (n Notice) text() string {
	if n.Current != nil {
		return fmt.Sprint(n.Current.Digest, n.Current.Refused)
	}
	lists := [][]string{n.Errors, n.ByNameOnly, n.Broad, n.Alike, n.WrongMarks}
	for _, list := range lists {
		if len(list) > 0 {
			return fmt.Sprintf("%q", lists)
		}
	}
	if n.Outdated != "" {
		return "outdated" // whatever the reason is by now
	}
	return n.LeftOut
}

// News has the texts of a list that grows and shrinks, so that each is said once while it is there.
// The zero News is ready to use.
type News struct {
	mu    sync.Mutex
	known map[string]bool
}

// Of returns those of the texts that were not there before, in their order.
func (s *News) Of(texts []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[string]bool, len(texts))
	var added []string
	for _, text := range texts {
		if !s.known[text] && !known[text] {
			added = append(added, text)
		}
		known[text] = true
	}
	s.known = known
	return added
}
