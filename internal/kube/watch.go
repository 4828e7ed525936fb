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
	// watchTimeout is when the API ends a watch, which is then begun anew: one that fell silent,
	// because something between us keeps its connection and drops what it says, is noticed no
	// later.
	watchTimeout = time.Minute
	// watchMargin is how much longer we wait for that end.
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

// Watch calls each for every change of what is at a path since a resource version: "ADDED",
// "MODIFIED" and "DELETED" with the object, and "BOOKMARK" with an object that holds nothing but
// its kind and a newer resource version. It ends with nil when the API ends the watch, after a
// minute, for the caller to watch on; with the error of each; with ctx's; with ErrGone, after which
// the caller has to list anew; with ErrCut where it had begun; or with the other errors of this
// package.
func (c *Client) Watch(ctx context.Context, path, resourceVersion string, each func(eventType string, object []byte) error) error {
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

// deliver reads events, one in each line, up to the end.
func deliver(path string, body io.Reader, each func(eventType string, object []byte) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	for lines.Scan() {
		var one event
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil || one.Type == "" {
			return fmt.Errorf("%w: GET %s: what came is not an event of a watch", ErrUnavailable, path)
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
		return fmt.Errorf("%w: %w: GET %s: wanted events of at most %d bytes", ErrUnavailable, ErrTooLarge, path, maxEvent)
	}
	if lines.Err() != nil {
		return fmt.Errorf("%w: %w", ErrCut, unreachable(path, lines.Err()))
	}
	return nil
}
