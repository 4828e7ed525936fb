package cluster

import (
	"sort"
	"time"
)

// State is what is so of one cluster at one time.
type State struct {
	// Endpoint is the API's address as it was configured, "" for that of a pod's own cluster.
	Endpoint string
	// Namespaces counts those of the cluster, and is 0 while they are not known.
	Namespaces int
	// Listed is when the latest list that succeeded began, zero for none.
	Listed time.Time
	// Problem is why the Namespaces are not kept up to date, "" if they are, and Outdated since
	// when no watch lasts, zero if one does.
	Problem  string
	Outdated time.Time
}

// States returns what is so of the clusters whose Namespaces are watched.
func (s *Set) States() []State {
	s.mu.Lock()
	var watched []*Cluster
	for _, c := range s.clusters {
		if c.stopWatch != nil {
			watched = append(watched, c)
		}
	}
	s.mu.Unlock()
	sort.Slice(watched, func(i, j int) bool { return watched[i].address < watched[j].address })
	states := make([]State, 0, len(watched))
	for _, c := range watched {
		state := c.namespaces.state()
		state.Endpoint = c.endpoint
		states = append(states, state)
	}
	return states
}

func (s *source) state() State {
	_, problem := s.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Namespaces: len(s.existing), Listed: s.listed, Problem: problem}
	if s.snapshot == nil && problem == "" {
		state.Problem = "they were not listed yet"
	}
	if state.Problem != "" {
		state.Outdated = s.unwatched
	}
	return state
}
