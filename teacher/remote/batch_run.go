package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// nameKey is the metadata field by which batches are found again.
const nameKey = "distill"

// findEarlier takes over the batches that earlier processes of the same name left: the answers of those that have ended,
// and the orders of those still under way.
func (b *Batch) findEarlier() {
	defer close(b.found)
	ctx := b.t.closing
	after := ""
	for {
		var page openai.BatchList
		if err := b.get(ctx, "/batches?limit=100"+after, &page); err != nil {
			b.mu.Lock()
			b.lost = err
			b.mu.Unlock()
			return
		}
		for i := range page.Data {
			if page.Data[i].Metadata[nameKey] == b.o.Name {
				b.adopt(ctx, &page.Data[i])
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			return
		}
		after = "&after=" + url.QueryEscape(page.Data[len(page.Data)-1].ID)
	}
}

// adopt takes over one batch. What cannot be read of it is asked again: a warning says so.
func (b *Batch) adopt(ctx context.Context, batch *openai.Batch) {
	if batch.Ended() {
		results, err := b.results(ctx, batch)
		if err != nil {
			b.t.log.Warn("an earlier batch cannot be read", "batch", batch.ID, "error", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range results {
			if r.Response != nil && r.Response.StatusCode == http.StatusOK {
				b.answered[r.CustomID] = r
			}
		}
		return
	}
	orders := map[string]*order{}
	err := b.lines(ctx, batch.InputFileID, func(line []byte) error {
		var l openai.BatchLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		orders[l.CustomID] = &order{id: l.CustomID, body: l.Body, done: make(chan struct{})}
		return nil
	})
	if err != nil {
		b.t.log.Warn("an earlier batch is under way and cannot be read", "batch", batch.ID, "error", err)
		return
	}
	b.mu.Lock()
	maps.Copy(b.orders, orders)
	b.mu.Unlock()
	b.work.Go(func() { b.follow(batch, orders) })
}

// run uploads orders, starts their batch and follows it.
func (b *Batch) run(list []*order) {
	orders := map[string]*order{}
	var file bytes.Buffer
	for _, o := range list {
		orders[o.id] = o
		line, _ := json.Marshal(openai.BatchLine{CustomID: o.id, Method: http.MethodPost, URL: "/v1/chat/completions", Body: o.body})
		file.Write(append(line, '\n'))
	}
	ctx := b.t.closing
	batch, err := b.start(ctx, file.Bytes())
	if err != nil {
		b.fail(orders, err)
		return
	}
	b.t.log.Info("batch sent", "batch", batch.ID, "requests", len(orders))
	b.follow(batch, orders)
}

// start uploads the file and creates the batch.
func (b *Batch) start(ctx context.Context, lines []byte) (*openai.Batch, error) {
	if len(lines) > openai.MaxBatchBytes {
		return nil, teacher.Errorf(teacher.Fatal, "make batches smaller", "remote: batch of %d bytes, at most %d are taken", len(lines), openai.MaxBatchBytes)
	}
	file, err := b.upload(ctx, lines)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(openai.BatchRequest{InputFileID: file.ID, Endpoint: "/v1/chat/completions", CompletionWindow: "24h",
		Metadata: map[string]string{nameKey: b.o.Name}})
	if err != nil {
		return nil, err
	}
	return b.createBatch(ctx, file.ID, request)
}

// createBatch creates the batch of a file. Where an attempt may have worked though no answer came, the server's list is
// looked at before another: a second batch of one file would be paid for twice.
func (b *Batch) createBatch(ctx context.Context, file string, request []byte) (*openai.Batch, error) {
	jitter := fullJitter(b.t.opts.RetryDelay, b.o.Poll)
	for tries := 0; ; tries++ {
		body, f := b.controlOnce(ctx, http.MethodPost, "/batches", "application/json", request)
		if f == nil {
			batch := new(openai.Batch)
			return batch, unmarshal(body, batch)
		}
		if f.remedy != retryLater && f.remedy != retrySlower || tries >= b.t.opts.Retries {
			return nil, f.final()
		}
		if err := sleep(ctx, max(f.wait, jitter.NextBackOff())); err != nil {
			return nil, fmt.Errorf("remote: %w", err)
		}
		var page openai.BatchList
		if err := b.get(ctx, "/batches?limit=20", &page); err != nil {
			return nil, err
		}
		for i := range page.Data {
			if page.Data[i].InputFileID == file {
				return &page.Data[i], nil
			}
		}
	}
}

// follow waits for a batch to end and hands out what it answered; the rest goes into the next batch.
func (b *Batch) follow(batch *openai.Batch, orders map[string]*order) {
	ctx := b.t.closing
	for !batch.Ended() {
		if sleep(ctx, b.o.Poll) != nil {
			return
		}
		if err := b.get(ctx, "/batches/"+url.PathEscape(batch.ID), batch); err != nil {
			b.fail(orders, err)
			return
		}
	}
	results, err := b.results(ctx, batch)
	if err != nil {
		b.fail(orders, err)
		return
	}
	if batch.Status == "failed" && len(results) == 0 {
		b.fail(orders, refusedBatch(batch))
		return
	}
	b.t.log.Info("batch ended", "batch", batch.ID, "status", batch.Status, "answers", len(results), "requests", len(orders))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range results {
		if o := orders[r.CustomID]; o != nil && b.settle(o, specOf(o.body), r) {
			delete(orders, r.CustomID)
		}
	}
	for _, o := range orders {
		if o.tries++; o.tries > b.t.opts.Retries {
			o.err = teacher.Errorf(teacher.Transient, "", "remote: %d batches ended (%s) without an answer", o.tries, batch.Status)
			delete(b.orders, o.id)
			close(o.done)
			continue
		}
		b.gather(o)
	}
}

func refusedBatch(batch *openai.Batch) error {
	reason := "no reason given"
	if batch.Errors != nil && len(batch.Errors.Data) > 0 {
		reason = batch.Errors.Data[0].Message
	}
	return teacher.Errorf(teacher.Fatal, "the server refuses the batch as a whole; try the same settings without batching", "remote: batch %s failed: %s", batch.ID, reason)
}

// fail ends orders with an error.
func (b *Batch) fail(orders map[string]*order, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range orders {
		o.err = err
		delete(b.orders, o.id)
		close(o.done)
	}
}

// results reads a batch's output and error files, as far as it has them.
func (b *Batch) results(ctx context.Context, batch *openai.Batch) ([]openai.BatchResult, error) {
	var results []openai.BatchResult
	for _, id := range []string{batch.OutputFileID, batch.ErrorFileID} {
		if id == "" {
			continue
		}
		err := b.lines(ctx, id, func(line []byte) error {
			var r openai.BatchResult
			if err := json.Unmarshal(line, &r); err != nil {
				b.t.log.Warn("a line of a batch's results cannot be read", "file", id, "error", err)
				return nil // the others can
			}
			results = append(results, r)
			return nil
		})
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// lines calls each with every line of a file on the server.
func (b *Batch) lines(ctx context.Context, id string, each func([]byte) error) error {
	body, err := b.control(ctx, http.MethodGet, "/files/"+url.PathEscape(id)+"/content", "", nil)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) > 0 {
			if err := each(lines.Bytes()); err != nil {
				return fmt.Errorf("remote: file %s: %w", id, err)
			}
		}
	}
	return lines.Err()
}

func (b *Batch) get(ctx context.Context, path string, v any) error {
	body, err := b.control(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return unmarshal(body, v)
}

// upload puts a file of requests on the server.
func (b *Batch) upload(ctx context.Context, lines []byte) (*openai.File, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "requests.jsonl")
	if err == nil {
		_, err = part.Write(lines)
	}
	if err == nil {
		err = w.WriteField("purpose", "batch")
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("remote: upload: %w", err)
	}
	answer, err := b.control(ctx, http.MethodPost, "/files", w.FormDataContentType(), form.Bytes())
	if err != nil {
		return nil, err
	}
	file := new(openai.File)
	return file, unmarshal(answer, file)
}

// control makes a call that manages files and batches, again and again while that may help. It uses the first key, whose
// account the batches belong to.
func (b *Batch) control(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	jitter := fullJitter(b.t.opts.RetryDelay, b.o.Poll)
	for tries := 0; ; tries++ {
		answer, f := b.controlOnce(ctx, method, path, contentType, body)
		if f == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("remote: %w", context.Cause(ctx))
		}
		if f.remedy != retryLater && f.remedy != retrySlower || tries >= b.t.opts.Retries {
			return nil, f.final()
		}
		if err := sleep(ctx, max(f.wait, jitter.NextBackOff())); err != nil {
			return nil, err
		}
	}
}

func (b *Batch) controlOnce(ctx context.Context, method, path, contentType string, body []byte) ([]byte, *fault) {
	t := b.t
	request, err := http.NewRequest(method, t.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, &fault{remedy: giveUpRun, err: t.redact.error(err)}
	}
	request.Header.Set("User-Agent", "distill")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range t.opts.Headers {
		request.Header.Set(name, value)
	}
	t.wire.authorize(request.Header, t.lanes.all[0].key)
	watch := newWatchdog(ctx, t.opts.IdleTimeout, t.opts.Timeout)
	defer watch.stop()
	response, err := t.client.Do(request.WithContext(watch.ctx))
	if err != nil {
		return nil, t.networkFault(watch, err, false)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(watch.reader(response.Body), maxBody))
	if err != nil {
		return nil, t.networkFault(watch, err, false)
	}
	if response.StatusCode/100 != 2 {
		return nil, t.faultOf(response.StatusCode, response.Header, answer)
	}
	return answer, nil
}

// specOf reads from a request's body which signal it asked for.
func specOf(body json.RawMessage) (spec distill.SignalSpec) {
	var r openai.ChatRequest
	if json.Unmarshal(body, &r) == nil && r.TopLogprobs != nil && *r.TopLogprobs > 0 {
		spec.Kind, spec.K = distill.TopK, *r.TopLogprobs
	}
	return spec
}
