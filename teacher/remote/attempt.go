package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/seed-d24fde5f/distill/internal/openai"
)

// Bounds on what is read from a server: an answer of a million tokens with twenty alternatives each is about 1 GB of
// JSON and is nobody's training row.
const (
	maxBody  = 256 << 20
	maxEvent = 16 << 20
	maxError = 64 << 10
)

var (
	errIdle    = errors.New("no byte from the server within the idle timeout")
	errTimeout = errors.New("attempt took longer than the timeout")
)

// attempt sends the call once. A fault says what to do about its failure; a fault without a remedy for this context is
// for the caller to see by the context.
func (t *Teacher) attempt(ctx context.Context, k key, c *call) (*answer, http.Header, *fault) {
	request, err := t.newRequest(k, c)
	if err != nil {
		return nil, nil, &fault{remedy: giveUpRequest, cause: "request", err: err}
	}
	watch := newWatchdog(ctx, t.opts.IdleTimeout, t.opts.Timeout)
	defer watch.stop()
	if !c.stream {
		watch.idle.Stop() // a whole answer is silent until it is there
	}
	response, err := t.client.Do(request.WithContext(watch.ctx))
	if err != nil {
		return nil, nil, t.networkFault(watch, err, false)
	}
	defer response.Body.Close()
	body := watch.reader(io.LimitReader(response.Body, maxBody))
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(body, maxError))
		if err != nil && len(text) == 0 {
			return nil, response.Header, t.networkFault(watch, err, response.StatusCode < 500)
		}
		return nil, response.Header, t.faultOf(response.StatusCode, response.Header, text)
	}
	a := new(answer)
	if err := t.read(response, body, c, a); err != nil {
		return nil, response.Header, t.bodyFault(watch, response, err)
	}
	watch.drain(body)
	return a, response.Header, nil
}

// newRequest builds the HTTP request.
func (t *Teacher) newRequest(k key, c *call) (*http.Request, error) {
	path, v := t.wireOf(c).request(t, c)
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	if len(t.opts.Extra) > 0 {
		if body, err = merge(body, t.opts.Extra); err != nil {
			return nil, fmt.Errorf("extra request fields: %w", err)
		}
	}
	request, err := http.NewRequest(http.MethodPost, t.address(c, path), bytes.NewReader(body))
	if err != nil {
		return nil, t.redact.error(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "distill")
	if c.stream {
		request.Header.Set("Accept", "text/event-stream, application/json")
	}
	for name, value := range t.opts.Headers {
		request.Header.Set(name, value)
	}
	t.wire.authorize(request.Header, k)
	return request, nil
}

// merge sets fields of a JSON object; an object in extra is merged into one that is there.
func merge(body []byte, extra map[string]any) ([]byte, error) {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	for name, value := range extra {
		inner, ok1 := fields[name].(map[string]any)
		more, ok2 := value.(map[string]any)
		if !ok1 || !ok2 {
			fields[name] = value
			continue
		}
		maps.Copy(inner, more)
	}
	return json.Marshal(fields)
}

// read takes in a body, whatever form it has: servers answer a request for a stream with a whole answer, or the other
// way round, and not all label what they send. Blank lines before it are keep-alives.
func (t *Teacher) read(response *http.Response, body io.Reader, c *call, a *answer) error {
	if kind := response.Header.Get("Content-Type"); strings.Contains(kind, "html") {
		text, _ := io.ReadAll(io.LimitReader(body, maxError))
		return fmt.Errorf("content type %s instead of JSON: %s", kind, excerpt(text))
	}
	r := bufio.NewReader(body)
	first, err := firstByte(r)
	if err != nil {
		return err
	}
	if t.dialect.Wire == OllamaChat && c.stream {
		return t.readLines(r, c, a)
	}
	if first == '{' || first == '[' {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := t.wireOf(c).whole(text, c, a); err != nil {
			return err
		}
		if a.finish == "" && a.text.Len()+a.reasoning.Len() == 0 {
			return errors.New("answer without a choice in it")
		}
		a.done = true
		return nil
	}
	return t.readEvents(r, c, a)
}

// firstByte skips white space and returns the byte after it, unread.
func firstByte(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, errors.New("empty answer")
		}
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b, r.UnreadByte()
		}
	}
}

// readEvents reads server-sent events up to the one that ends the answer.
func (t *Teacher) readEvents(r io.Reader, c *call, a *answer) error {
	events := openai.NewEventReader(r, maxEvent)
	for n := 0; ; n++ {
		ev, err := events.Next()
		if errors.Is(err, io.EOF) {
			return cutOff(a)
		}
		if err != nil {
			return err
		}
		if err := t.wireOf(c).event(ev, c, a); err != nil {
			return err
		}
		if a.done {
			return cutOff(a)
		}
	}
}

// readLines reads one JSON object a line, as Ollama streams.
func (t *Teacher) readLines(r io.Reader, c *call, a *answer) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := t.wireOf(c).event(openai.Event{Data: lines.Bytes()}, c, a); err != nil {
			return err
		}
		if a.done {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return cutOff(a)
}

// errCutOff is an answer that ended in the middle.
var errCutOff = errors.New("answer was cut off: the connection ended before the answer did")

func cutOff(a *answer) error {
	if !a.complete() {
		return errCutOff
	}
	return nil
}

// bodyFault explains an answer that could not be read: an error object in it, a broken connection, or nonsense.
func (t *Teacher) bodyFault(w *watchdog, response *http.Response, err error) *fault {
	var se *serverError
	if errors.As(err, &se) {
		status := se.object.CodeStatus()
		f := &fault{cause: "error in 200", billed: true, wait: max(retryAfter(response.Header, time.Now()), wished(se.object, time.Now())),
			err: errors.New(t.redact.Replace(describe(status, se.object)))}
		f.remedy, f.hint = t.judge(status, se.object)
		return f
	}
	f := t.networkFault(w, err, true)
	if f.cause == "network" && !isNetwork(err) {
		f.cause = "malformed"
	}
	if errors.Is(err, errCutOff) || errors.Is(err, io.ErrUnexpectedEOF) {
		f.cause = "cut off"
	}
	return f
}

// networkFault explains a failure of the transport. billed says that the server may have worked for it.
func (t *Teacher) networkFault(w *watchdog, err error, billed bool) *fault {
	f := &fault{remedy: retryLater, cause: "network", billed: billed, err: t.redact.error(err)}
	switch cause := context.Cause(w.ctx); {
	case errors.Is(cause, errIdle):
		f.cause, f.err, f.billed = "idle", fmt.Errorf("%w (%v)", errIdle, t.opts.IdleTimeout), true
	case errors.Is(cause, errTimeout):
		f.cause, f.err, f.billed = "timeout", fmt.Errorf("%w (%v)", errTimeout, t.opts.Timeout), true
	case cause != nil:
		f.cause, f.err, f.billed = "cancelled", cause, true
	case errors.Is(err, syscall.ECONNREFUSED):
		f.cause, f.hint = "refused", fmt.Sprintf("nothing listens at %s: is the server running?", t.base.Host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		f.cause, f.billed = "reset", true
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		f.cause, f.hint = "dns", fmt.Sprintf("host %s is not known: check the base URL and the network", t.base.Hostname())
		if dns.IsNotFound && t.stats.done.Load() == 0 {
			f.remedy = giveUpRun // later it is the network that is gone, not the host
		}
	}
	return f
}

func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
