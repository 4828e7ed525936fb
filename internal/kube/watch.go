package kube

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

const (
	// watchTimeout is when the API ends a watch, which then begins again: one that is silent
	// because something in between keeps its connection and drops the data is noticed no later.
	watchTimeout = time.Minute
	// watchMargin is how much longer the client waits for that end.
	watchMargin = 15 * time.Second
	// maxEvent bounds, in bytes, one event.
	maxEvent = 4 << 20
)

// event is a line of a watch
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// Watch calls each for every change of the objects at a path since a resource version: "ADDED",
// "MODIFIED" and "DELETED" with the object, and "BOOKMARK" with an object that has only its kind
// and a newer resource version. It returns nil when the API ends the watch, after a minute, for the
// caller to watch on; the error of each; ctx's; ErrGone, after which the caller has to list again;
// ErrCut if it was answered and then cut; or another error of this package.
func (c *Client) Watch(ctx context.Context, path, resourceVersion string,
	each func(eventType string, object []byte) error) error {
	query := url.Values{}
	query.Set("watch", "1")
	query.Set("allowWatchBookmarks", "true")
	query.Set("resourceVersion", resourceVersion)
	query.Set("timeoutSeconds", strconv.Itoa(int(watchTimeout/time.Second)))
	limited, cancel := context.WithTimeout(ctx, watchTimeout+watchMargin)
	defer cancel()
	response, err := c.send(limited, path, query)
	if err == nil {
		err = deliver(path, response.Body, each)
		_ = response.Body.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// deliver passes on events, one in each line, up to the end.
func deliver(path string, body io.Reader, each func(eventType string, object []byte) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	for lines.Scan() {
		var one event
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil || one.Type == "" {
			return fmt.Errorf("%w: GET %s: what came is not an event", ErrUnavailable, path)
		}
		if one.Type == "ERROR" {
			said := readStatus(one.Object)
			return coded(path, said.Code, said)
		}
		if err := each(one.Type, one.Object); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return tooLarge(path, "an event", maxEvent)
	}
	if lines.Err() != nil {
		return fmt.Errorf("%w: %w", ErrCut, unreachable(path, lines.Err()))
	}
	return nil
}
