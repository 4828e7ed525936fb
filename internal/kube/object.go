package kube

import (
	"encoding/json"
	"fmt"
)

// NamespacesPath is where the Namespaces are, and below it what is in them.
const NamespacesPath = "/api/v1/namespaces"

// Decode decodes an answer into an object, whose kind is then compared with the one wanted: any
// other JSON would read as an object that is empty. Its error repeats nothing of the answer.
func Decode(body []byte, want string, object any, kind *string) error {
	if err := json.Unmarshal(body, object); err != nil || *kind != want {
		return fmt.Errorf("%w: what came is not a %s", ErrUnavailable, want)
	}
	return nil
}
