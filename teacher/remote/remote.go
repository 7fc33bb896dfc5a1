// Package remote asks teachers that live behind HTTP: any OpenAI-compatible server and its relatives.
//
// What it takes to be trusted with somebody's money is all here. A request is retried only when that can help, with
// full jitter, and never before the server said; a limit on the rate is waited out by all, not burnt through by each; a
// server that is down stops the calls until it is back; a wrong key, an empty account or an unknown model stops the run
// at once and says what to do. Keys come from named environment variables and appear nowhere else. What servers differ
// in is one table, [Dialects].
//
//	t, err := remote.New(remote.Options{BaseURL: "https://api.deepseek.com", Model: "deepseek-flash", KeyEnv: []string{"DEEPSEEK_API_KEY"}})
//	c, err := t.Complete(ctx, teacher.Request{Messages: messages, Sampling: sampling})
//
// One prompt is one call; [NewBatch] asks through batch endpoints instead, for half the price and within a day.
package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// Options describe a remote teacher. Only Model is always needed; BaseURL or Dialect says where it is.
type Options struct {
	BaseURL string   // default: the dialect's
	Dialect string   // default: guessed from BaseURL
	Model   string   // as the server names it
	KeyEnv  []string // environment variables with one API key each; default: the dialect's, if it is set
	Getenv  func(string) string

	Headers map[string]string // further request headers
	Extra   map[string]any    // further fields of the request, such as reasoning_effort; they win over ours
	NoSSE   bool              // ask for whole answers instead of streams

	// PrefilledThinking says that the model's chat template opens the thinking itself, so that a text without </think>
	// is thinking that was cut off.
	PrefilledThinking bool
	OnTruncated       Truncation // what to do with answers that hit the token limit; default Keep
	MaxOutput         int        // tokens of a completion when the request sets none, and the most MoreRoom may reach; default: the dialect's
	TokenizerHash     string     // identity of the server's vocabulary, if the user vouches for it

	Concurrency       int // calls in flight per key; default: the dialect's
	RequestsPerMinute int // per key; 0 is no limit of ours
	TokensPerMinute   int // per key, prompt and completion; 0 is no limit of ours

	IdleTimeout time.Duration // no byte for so long ends an attempt; default 5 minutes. Keep-alives count as bytes
	Timeout     time.Duration // of one attempt in all; default 30 minutes
	Retries     int           // attempts after the first for failures of this request alone; default 6, negative is none
	RetryDelay  time.Duration // the first wait between attempts is drawn from [0, this], then doubled; default 1 second
	Patience    time.Duration // how long to wait out rate limits and a server that is down; default 15 minutes
	WhenDown    WhenDown      // default Wait

	Budget *budget.Budget // nil is none
	Price  *Price         // default: ListPrice

	Transport http.RoundTripper // default: a transport of its own
	Logger    *slog.Logger      // default: discard
}

// Truncation says what becomes of an answer that ended at the token limit.
type Truncation string

// Policies for truncated answers. Keep returns it, marked by its finish reason. MoreRoom asks again with twice the
// limit, up to MaxOutput. Continue asks the server to go on where it stopped, as often as MaxOutput allows, where the
// dialect can; it gives up token ids, since two answers have no common ones. Dropping is selection's business.
const (
	Keep     Truncation = ""
	MoreRoom Truncation = "more_room"
	Continue Truncation = "continue"
)

// WhenDown says what to do when a server is down.
type WhenDown string

// Wait until it is back, for Patience at most; or Stop the run.
const (
	Wait WhenDown = ""
	Stop WhenDown = "stop"
)

// Teacher asks one model on one server. It is safe for concurrent use.
type Teacher struct {
	opts    Options
	dialect Dialect
	quirk   ModelQuirk
	base    *url.URL
	wire    wire
	client  *http.Client
	lanes   *lanes
	breaker *breaker
	redact  redactor
	price   *Price
	log     *slog.Logger
	stats   counters
	warned  sync.Map    // texts of warnings given once
	plain   atomic.Bool // the server said that the model takes no sampling settings

	closing context.Context
	close   context.CancelCauseFunc
}

var errClosed = errors.New("remote: teacher closed")

// New checks the options and returns a teacher; it sends nothing. Errors are of kind [teacher.Fatal].
func New(opts Options) (*Teacher, error) {
	t := &Teacher{opts: opts}
	if err := t.configure(); err != nil {
		return nil, err
	}
	o := &t.opts
	keys, err := loadKeys(o.KeyEnv, t.dialect, o.Getenv)
	if err != nil {
		return nil, err
	}
	t.redact = newRedactor(keys)
	if t.base.Scheme == "http" && keys[0].value != "" && !isLocal(t.base.Hostname()) {
		t.log.Warn("the API key travels unencrypted: use https", "host", t.base.Host)
	}
	t.wire = wires[t.dialect.Wire]
	if o.Transport == nil {
		o.Transport = newTransport(o.Concurrency * len(keys))
	}
	t.client = &http.Client{
		Transport: o.Transport,
		// A redirect would carry the key to another host, and a POST would become a GET.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.lanes = newLanes(keys, o.Concurrency, o.RequestsPerMinute, o.TokensPerMinute, o.RetryDelay)
	t.breaker = newBreaker(o.WhenDown, o.Patience, o.RetryDelay)
	t.closing, t.close = context.WithCancelCause(context.Background())
	return t, nil
}

// configure fills in the defaults and checks what can be checked.
func (t *Teacher) configure() error {
	o := &t.opts
	if o.Model == "" {
		return teacher.Errorf(teacher.Fatal, "name the model as the server names it", "remote: no model named")
	}
	if o.Dialect == "" {
		t.dialect = GuessDialect(o.BaseURL)
	} else if d, ok := DialectNamed(o.Dialect); ok {
		t.dialect = d
	} else {
		return teacher.Errorf(teacher.Fatal, "known: "+strings.Join(dialectNames(), ", "), "remote: unknown dialect %q", o.Dialect)
	}
	t.quirk = t.dialect.quirk(o.Model)
	if o.BaseURL == "" {
		o.BaseURL = t.dialect.BaseURL
	}
	base, err := url.Parse(strings.TrimRight(o.BaseURL, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return teacher.Errorf(teacher.Fatal, "a base URL looks like https://api.deepseek.com or http://localhost:8080/v1",
			"remote: base URL is missing or is no http URL")
	}
	if base.User != nil || base.RawQuery != "" {
		return teacher.Errorf(teacher.Fatal, "put the key into an environment variable and name that", "remote: base URL carries credentials or a query")
	}
	t.base = base
	o.Concurrency = orDefault(o.Concurrency, t.dialect.Concurrency)
	o.MaxOutput = orDefault(o.MaxOutput, t.dialect.MaxOutput)
	o.IdleTimeout = orDefault(o.IdleTimeout, 5*time.Minute)
	o.Timeout = orDefault(o.Timeout, 30*time.Minute)
	o.RetryDelay = orDefault(o.RetryDelay, time.Second)
	o.Patience = orDefault(o.Patience, 15*time.Minute)
	o.Retries = max(orDefault(o.Retries, 6), 0)
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	t.log = o.Logger
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t.configurePrice()
}

// configurePrice finds the price, and refuses limits that could not be kept.
func (t *Teacher) configurePrice() error {
	o := &t.opts
	if o.Price != nil {
		t.price = o.Price
		if err := t.price.validate(); err != nil {
			return teacher.Errorf(teacher.Fatal, "", "remote: model %q: %w", o.Model, err)
		}
	} else if p, ok := ListPrice(t.dialect, o.Model); ok {
		t.price = &p
		if o.Budget.Limits().USD > 0 && p.Date != "" {
			t.log.Warn("the limit on money counts with a list price; state the price in the recipe if it has changed",
				"model", o.Model, "as of", p.Date, "source", p.Source)
		}
	}
	if t.price == nil && o.Budget.Limits().USD > 0 {
		return teacher.Errorf(teacher.Fatal, "state the model's price in the recipe: dollars per million tokens of input and output",
			"remote: there is a limit on money, but no price is known for model %q of %s", o.Model, t.dialect.Name)
	}
	return nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// isLocal reports whether a host is this machine or on a private network.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate())
}

func dialectNames() []string {
	var names []string
	for _, d := range dialects {
		names = append(names, d.Name)
	}
	return names
}

// Info describes the teacher. Signals are what the dialect can give; whether the server at the other end does, the first
// answer tells.
func (t *Teacher) Info() teacher.Info {
	info := teacher.Info{Name: t.opts.Model, TokenizerHash: t.opts.TokenizerHash, Concurrency: t.lanes.capacity()}
	if t.signals() {
		info.Signals = []distill.SignalKind{distill.TopK}
	}
	return info
}

// Price returns the price that costs are computed with, and false when none is known.
func (t *Teacher) Price() (Price, bool) {
	if t.price == nil {
		return Price{}, false
	}
	return *t.price, true
}

// Dialect returns the dialect in use.
func (t *Teacher) Dialect() Dialect { return t.dialect }

// signals reports whether the model can give log-probabilities with ids.
func (t *Teacher) signals() bool {
	return t.dialect.TopLogprobs > 0 && t.dialect.TokenIDs && !t.quirk.NoLogprobs
}

// fixedSampling reports whether the model takes no sampling settings, by the table or by what the server said.
func (t *Teacher) fixedSampling() bool { return t.quirk.FixedSampling || t.plain.Load() }

// continues reports whether an unfinished turn of the assistant can be gone on with.
func (t *Teacher) continues() bool {
	return t.dialect.Continue != CannotContinue && !t.quirk.NoPrefill
}

// Close ends calls in flight and drops idle connections.
func (t *Teacher) Close() error {
	t.close(errClosed)
	t.lanes.close()
	t.client.CloseIdleConnections()
	return nil
}

// newTransport returns a transport that keeps as many connections as calls can be in flight; Go's default keeps two a
// host, which costs a handshake on nearly every call.
func newTransport(connections int) http.RoundTripper {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.MaxIdleConns = 0
	tr.MaxIdleConnsPerHost = connections
	tr.IdleConnTimeout = 90 * time.Second
	return tr
}

// warnOnce logs a warning the first time it is given.
func (t *Teacher) warnOnce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if _, seen := t.warned.LoadOrStore(text, true); !seen {
		t.log.Warn(text)
	}
}
