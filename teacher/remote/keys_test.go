package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/teacher"
)

// A key must not be found in anything a user or a file could get to see, though servers and proxies echo it.
func TestKeysNeverShow(t *testing.T) {
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			status(code, "you sent "+r.Header.Get("Authorization")+", which is wrong")(w, r)
		}
	}
	for name, step := range map[string]http.HandlerFunc{
		"401": echo(401), "400": echo(400), "500": echo(500), "429": echo(429),
		"200 with an error": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"error":{"message":"bad key %s"}}`, r.Header.Get("Authorization"))
		},
		"html": func(w http.ResponseWriter, r *http.Request) {
			text("text/html", "<html>"+r.Header.Get("Authorization"))(w, r)
		},
		"malformed header": func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", r.Header.Get("Authorization"))
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, step)
			log, logged := logTo()
			known := open(t, s, func(o *Options) { o.Logger, o.Retries, o.Patience = log, 1, 50e6 })
			_, err := ask(t, known)
			if err == nil {
				t.Fatal("no error")
			}
			seen := fmt.Sprintf("%v %+v %#v %q %s %v", err, err, err, hintOf(err), logged, known.Stats())
			for _, l := range known.lanes.all {
				seen += fmt.Sprintf("%v %+v %#v %s", l.key, l.key, l.key, encode(t, l.key))
				log.Info("key", "key", l.key)
			}
			for err := err; err != nil; err = unwrap(err) {
				seen += fmt.Sprintf("%#v", err)
			}
			if strings.Contains(seen+logged.String(), testKey) {
				t.Errorf("the key shows in %s", seen)
			}
			if s.keys[0] != testKey {
				t.Errorf("the server got key %q", s.keys[0])
			}
		})
	}
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return u.Unwrap()
}

func hintOf(err error) string {
	var e *teacher.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Hint
}

func TestMissingKey(t *testing.T) {
	_, err := New(Options{Dialect: "deepseek", Model: "deepseek-chat", Getenv: func(string) string { return "" }})
	if teacher.KindOf(err) != teacher.Fatal || !strings.Contains(hintOf(err), "export DEEPSEEK_API_KEY=") {
		t.Errorf("error %v, hint %q", err, hintOf(err))
	}
}

// A key that is refused, or whose account is empty, is left; the run goes on with the others.
func TestKeysTakeOver(t *testing.T) {
	for _, code := range []int{401, 402} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.Header.Get("Authorization"), "-second") {
				streamed(w, r)
			} else {
				status(code, "no")(w, r)
			}
		})
		log, logged := logTo()
		known := open(t, s, func(o *Options) {
			o.KeyEnv = []string{"FIRST", "SECOND"}
			o.Getenv = func(name string) string { return testKey + "-" + strings.ToLower(name) }
			o.Logger = log
		})
		for range 3 {
			if _, err := ask(t, known); err != nil {
				t.Fatal(err)
			}
		}
		if s.count() > 4 {
			t.Errorf("%d requests for 3 answers: the refused key was used again", s.count())
		}
		if s.count() == 4 && !strings.Contains(logged.String(), "key refused") {
			t.Error("nothing in the log about the refused key")
		}
	}
}

// Requests spread over all keys when each may have only a few in flight.
func TestKeysShareTheWork(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release; streamed(w, r) })
	known := open(t, s, func(o *Options) {
		o.KeyEnv = []string{"FIRST", "SECOND", "THIRD"}
		o.Getenv = func(name string) string { return testKey + name }
		o.Concurrency = 2
	})
	if got := known.Info().Concurrency; got != 6 {
		t.Errorf("concurrency %d of three keys with two each", got)
	}
	done := make(chan error)
	for range 6 {
		go func() { _, err := ask(t, known); done <- err }()
	}
	for s.count() < 6 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	uses := map[string]int{}
	for _, k := range s.keys {
		uses[k]++
	}
	for k, n := range uses {
		if n != 2 {
			t.Errorf("key %s used %d times, want 2", k[len(testKey):], n)
		}
	}
}
