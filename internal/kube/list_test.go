package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// numbers is a list of the numbers from 0 up to the count.
type numbers struct {
	count int
	// expired is how often the second page is answered with 410.
	expired int
	// large are how many bytes more some of the numbers bring.
	large map[int]int
}

func (n *numbers) answer(rw http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	from, _ := strconv.Atoi(query.Get("continue"))
	if from > 0 && n.expired > 0 {
		n.expired--
		refuse(rw, http.StatusGone, "Expired", "the provided continue parameter is too old")
		return
	}
	more := ""
	items := []string{}
	bulk := 0
	for i := from; i < n.count && i < from+limit; i++ {
		items = append(items, strconv.Itoa(i))
		bulk += n.large[i]
	}
	if from+limit < n.count {
		more = strconv.Itoa(from + limit)
	}
	write(rw, fmt.Sprintf(`{"metadata":{"resourceVersion":"42","continue":%q},"items":[%s]}`,
		more, strings.Join(items, ",")))
	_, _ = rw.Write(bytes.Repeat([]byte(" "), bulk))
}

type numbersPage struct {
	Metadata ListMeta `json:"metadata"`
	Items    []int    `json:"items"`
}

func list(c *Client, limit int) (string, []int, error) {
	var got []int
	query := url.Values{"labelSelector": []string{"a=b"}}
	each := func(page []byte, first bool) (ListMeta, error) {
		var decoded numbersPage
		if err := json.Unmarshal(bytes.TrimRight(page, " "), &decoded); err != nil {
			return ListMeta{}, err
		}
		if first {
			got = []int{}
		}
		got = append(got, decoded.Items...)
		return decoded.Metadata, nil
	}
	version, err := c.List(context.Background(), "/numbers", query, limit, each)
	return version, got, err
}

func TestListPages(t *testing.T) {
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	version, got, err := list(a.client(t), 3)
	if err != nil || version != "42" || len(got) != 7 || got[6] != 6 {
		t.Errorf("version %q, %v, %v", version, got, err)
	}
	want := "/numbers?labelSelector=a%3Db&limit=3 " +
		"/numbers?continue=3&labelSelector=a%3Db&limit=3 " +
		"/numbers?continue=6&labelSelector=a%3Db&limit=3"
	if asked := strings.Join(a.asked, " "); asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}

func TestListBeginsAnewOnce(t *testing.T) {
	n := &numbers{count: 7, expired: 1}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	c := a.client(t)
	if _, got, err := list(c, 3); err != nil || len(got) != 7 {
		t.Errorf("expired once: %v, %v", got, err)
	}
	n.expired = 2
	if _, _, err := list(c, 3); !errors.Is(err, ErrGone) {
		t.Errorf("expired twice: %v", err)
	}
}

func TestListEndsWithTheErrorOfItsReader(t *testing.T) {
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	full := errors.New("full")
	each := func(page []byte, first bool) (ListMeta, error) { return ListMeta{Continue: "3"}, full }
	_, err := a.client(t).List(context.Background(), "/numbers", nil, 3, each)
	if err != full || a.requests() != 1 {
		t.Errorf("%v after %d requests", err, a.requests())
	}
}

// thirds are numbers of which three are too large for a page.
func thirds(numbers []int) map[int]int {
	third := maxPage/3 + 1
	large := map[int]int{}
	for _, number := range numbers {
		large[number] = third
	}
	return large
}

// TestListPagesThatAreTooLarge requests 16 numbers at a time, of which some are large.
func TestListPagesThatAreTooLarge(t *testing.T) {
	const whole = maxPage + 1
	rows := []struct {
		description string
		large       map[int]int
		want        string
		err         error
	}{
		{"none", nil, "0+16 16+16 32+16", nil},
		{"the first", thirds([]int{0, 1, 2}),
			"0+16 0+4 0+1 1+1 2+1 3+1 4+2 6+4 10+8 18+16 34+16", nil},
		{"some in the middle", thirds([]int{20, 21, 22}),
			"0+16 16+16 16+4 20+8 20+2 22+2 24+2 26+4 30+8 38+16", nil},
		{"pages that are not small", thirds([]int{0, 8, 12, 20, 24, 28}),
			"0+16 0+4 4+4 8+8 16+8 24+8 32+8", nil},
		{"one by itself", map[int]int{3: whole}, "0+16 0+4 0+1 1+2 3+4 3+1", ErrTooLarge},
		{"the last by itself", map[int]int{39: whole},
			"0+16 16+16 32+16 32+4 36+8 36+2 38+4 38+1 39+2 39+1", ErrTooLarge},
	}
	for _, row := range rows {
		n := &numbers{count: 40, large: row.large}
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
		_, got, err := list(a.client(t), 16)
		if !errors.Is(err, row.err) || err == nil && !counted(got, n.count) {
			t.Errorf("%s: %v, %v", row.description, got, err)
		}
		if asked := a.pages(t); asked != row.want {
			t.Errorf("%s: asked for %s, want %s", row.description, asked, row.want)
		}
	}
}

// counted reports whether numbers are those from 0 up to the count, each once.
func counted(numbers []int, count int) bool {
	for i := range numbers {
		if numbers[i] != i {
			return false
		}
	}
	return len(numbers) == count
}

// pages returns the pages that were requested, each as its first number and the limit.
func (a *api) pages(t *testing.T) string {
	t.Helper()
	var pages []string
	for _, uri := range a.asked {
		asked, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := strconv.Atoi(asked.Query().Get("continue"))
		pages = append(pages, strconv.Itoa(from)+"+"+asked.Query().Get("limit"))
	}
	return strings.Join(pages, " ")
}

// reader reads pages, each when it is let go on.
type reader struct {
	began, proceed chan struct{}
}

func newReader() *reader {
	return &reader{began: make(chan struct{}, 100), proceed: make(chan struct{})}
}

// list lists with its reader, and sends how that ended.
func (r *reader) list(ctx context.Context, c *Client, path string, limit int, ended chan error) {
	_, err := c.List(ctx, path, nil, limit, func(page []byte, first bool) (ListMeta, error) {
		r.began <- struct{}{}
		<-r.proceed
		var decoded numbersPage
		err := json.Unmarshal(page, &decoded)
		return decoded.Metadata, err
	})
	ended <- err
}

// TestListsHaveFewPagesInMemory has many lists whose pages take their time to be read.
func TestListsHaveFewPagesInMemory(t *testing.T) {
	const lists = 3 * maxLists
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	c := a.client(t)
	r := newReader()
	ended := make(chan error, lists)
	for i := 0; i < lists; i++ {
		go r.list(context.Background(), c, "/numbers", 4, ended)
	}
	for i := 0; i < maxLists; i++ {
		<-r.began
	}
	time.Sleep(50 * time.Millisecond)
	if got := a.requests(); got != maxLists {
		t.Errorf("%d pages in memory, want %d", got, maxLists)
	}
	if _, err := get(c); err != nil {
		t.Errorf("one object waits for the lists: %v", err)
	}
	brief, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	waited := make(chan error, 1)
	go r.list(brief, c, "/numbers", 4, waited)
	if err := <-waited; !unavailable(err, "no answer in time") {
		t.Errorf("a list that waits for too long: %v", err)
	}
	close(r.proceed)
	for i := 0; i < lists; i++ {
		if err := <-ended; err != nil {
			t.Errorf("a list that waited: %v", err)
		}
	}
	if got := a.requests(); got != 2*lists+1 {
		t.Errorf("%d requests, want two pages of each list and one object", got)
	}
}

// TestListsTakeTurns has a list of one page wait for one of many.
func TestListsTakeTurns(t *testing.T) {
	n := &numbers{count: 20}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	c := a.client(t)
	c.allowTurns(1)
	r := newReader()
	ended := make(chan error, 2)
	go r.list(context.Background(), c, "/many", 1, ended)
	<-r.began
	go r.list(context.Background(), c, "/one", 20, ended)
	time.Sleep(50 * time.Millisecond) // until it waits
	close(r.proceed)
	for i := 0; i < 2; i++ {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if !strings.HasPrefix(a.asked[1], "/one?") {
		t.Errorf("asked %s, want the list of one page second", strings.Join(a.asked, " "))
	}
}

// TestListThatPanicsLeavesItsTurn has readers panic, as that of Secrets may, which recovers.
func TestListThatPanicsLeavesItsTurn(t *testing.T) {
	n := &numbers{count: 7}
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) { n.answer(rw, req) })
	c := a.client(t)
	for i := 0; i <= maxLists; i++ {
		panics(c)
	}
	if _, got, err := list(c, 3); err != nil || len(got) != 7 {
		t.Errorf("%v, %v", got, err)
	}
}

func panics(c *Client) {
	defer func() { _ = recover() }()
	each := func(page []byte, first bool) (ListMeta, error) { panic("on purpose") }
	_, _ = c.List(context.Background(), "/numbers", nil, 3, each)
}
