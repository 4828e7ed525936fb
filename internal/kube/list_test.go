package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// numbers is a list of the numbers from 0 up to the count.
type numbers struct {
	count int
	// gone is how often the second page is answered with 410.
	gone int
}

func (n *numbers) answer(rw http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	from, _ := strconv.Atoi(query.Get("continue"))
	if from > 0 && n.gone > 0 {
		n.gone--
		refuse(rw, http.StatusGone, "Expired", "the provided continue parameter is too old")
		return
	}
	more := ""
	items := []string{}
	for i := from; i < n.count && i < from+limit; i++ {
		items = append(items, strconv.Itoa(i))
	}
	if from+limit < n.count {
		more = strconv.Itoa(from + limit)
	}
	write(rw, `{"metadata":{"resourceVersion":"42","continue":"`+more+`"},"items":[`+strings.Join(items, ",")+`]}`)
}

type numbersPage struct {
	Metadata ListMeta `json:"metadata"`
	Items    []int    `json:"items"`
}

func list(c *Client, limit int) (string, []int, error) {
	var got []int
	query := url.Values{"labelSelector": []string{"a=b"}}
	version, err := c.List(context.Background(), "/numbers", query, limit, func(page []byte, first bool) (ListMeta, error) {
		var decoded numbersPage
		if err := json.Unmarshal(page, &decoded); err != nil {
			return ListMeta{}, err
		}
		if first {
			got = nil
		}
		got = append(got, decoded.Items...)
		return decoded.Metadata, nil
	})
	return version, got, err
}

func TestListPages(t *testing.T) {
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	version, got, err := list(a.client(t), 3)
	if err != nil || version != "42" || len(got) != 7 || got[6] != 6 {
		t.Errorf("version %q, %v, %v", version, got, err)
	}
	want := "/numbers?labelSelector=a%3Db&limit=3 /numbers?continue=3&labelSelector=a%3Db&limit=3 /numbers?continue=6&labelSelector=a%3Db&limit=3"
	if asked := strings.Join(a.asked, " "); asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}

func TestListBeginsAnewOnce(t *testing.T) {
	n := &numbers{count: 7, gone: 1}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	c := a.client(t)
	if _, got, err := list(c, 3); err != nil || len(got) != 7 {
		t.Errorf("gone once: %v, %v", got, err)
	}
	n.gone = 2
	if _, _, err := list(c, 3); !errors.Is(err, ErrGone) {
		t.Errorf("gone twice: %v", err)
	}
}

func TestListEndsWithTheErrorOfItsReader(t *testing.T) {
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	full := errors.New("full")
	_, err := a.client(t).List(context.Background(), "/numbers", nil, 3, func(page []byte, first bool) (ListMeta, error) {
		return ListMeta{Continue: "3"}, full
	})
	if err != full || a.requests() != 1 {
		t.Errorf("%v after %d requests", err, a.requests())
	}
}
