package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// browser is a tab of a headless Chromium, driven by its DevTools protocol.
type browser struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
	id   int
}

// openBrowser opens a page.
func openBrowser(t *testing.T, url string) *browser {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is absent: the page was not opened in a browser")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	profile, err := os.MkdirTemp("", "distill-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) }) // not t.TempDir: a straggler of the browser may still be writing there
	run := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--user-data-dir="+profile, url)
	run.WaitDelay = time.Second
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	for written := false; !written; { // the file is there before its first line is
		if ctx.Err() != nil {
			t.Fatal("chromium does not start")
		}
		time.Sleep(20 * time.Millisecond)
		port, _ := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		address, _, written = strings.Cut(string(port), "\n")
	}
	conn, _, err := websocket.Dial(ctx, tab(t, ctx, "http://127.0.0.1:"+address+"/json/list"), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(16 << 20)
	b := &browser{t: t, ctx: ctx, conn: conn}
	t.Cleanup(func() {
		wsjson.Write(ctx, conn, map[string]any{"id": 0, "method": "Browser.close"})
		ended := make(chan error)
		go func() { ended <- run.Wait() }()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cancel()
			<-ended
		}
		conn.CloseNow()
	})
	return b
}

// tab returns the debugging address of the open page.
func tab(t *testing.T, ctx context.Context, url string) string {
	defer http.DefaultClient.CloseIdleConnections()
	for ctx.Err() == nil {
		if response, err := http.Get(url); err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			var tabs []struct {
				Type    string `json:"type"`
				Address string `json:"webSocketDebuggerUrl"`
			}
			json.Unmarshal(body, &tabs)
			for _, tab := range tabs {
				if tab.Type == "page" {
					return tab.Address
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("chromium opens no page")
	return ""
}

// call sends a command and returns its result.
func (b *browser) call(method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	b.id++
	if err := wsjson.Write(b.ctx, b.conn, map[string]any{"id": b.id, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	for {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := wsjson.Read(b.ctx, b.conn, &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.id {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		return answer.Result
	}
}

// eval runs JavaScript and returns its value as text.
func (b *browser) eval(script string) string {
	b.t.Helper()
	var answer struct {
		Result struct{ Value any }
	}
	json.Unmarshal(b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}), &answer)
	return fmt.Sprint(answer.Result.Value)
}

// until waits for a JavaScript condition.
func (b *browser) until(condition string) {
	b.t.Helper()
	for b.eval("Boolean("+condition+")") != "true" {
		if b.ctx.Err() != nil {
			b.t.Fatalf("never: %s\n%s", condition, b.eval("document.body.innerText"))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// click clicks into the middle of an element with the mouse.
func (b *browser) click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	json.Unmarshal([]byte(b.eval(fmt.Sprintf("(() => { const r = document.querySelector(%q).getBoundingClientRect(); return JSON.stringify({X: r.x + r.width/2, Y: r.y + r.height/2}) })()", selector))), &at)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1})
	}
}

// A person opens the page, types, clicks, and sees the thinking and the answer appear piece by piece.
func TestPageInChromium(t *testing.T) {
	say := []string{"<think>", "two and ", "two", "</think>", "\n\nFour", ", I ", "am sure.", " <b>Quite</b>."}
	_, url := scriptedServer(t, &scripted{say: say, delay: 100 * time.Millisecond})
	b := openBrowser(t, url)
	b.until(`document.querySelector("#model")?.value === "stories"`)
	b.click("#text")
	b.call("Input.insertText", map[string]any{"text": "How much is two and two?"})
	b.click("#send")
	b.until(`document.querySelector("article.assistant .thought")?.textContent.startsWith("two and")`)
	if b.eval(`document.querySelector("#send").textContent`) != "Stop" {
		t.Error("no way to stop while it answers")
	}
	b.until(`document.querySelector("article.assistant").textContent.includes("Four")`)
	if b.eval(`document.querySelector("article.assistant").dataset.done`) == "true" {
		t.Error("the answer came all at once")
	}
	b.until(`document.querySelector("article.assistant").dataset.done === "true"`)
	if got := b.eval(`document.querySelector("article.assistant .thought").textContent`); got != "two and two" {
		t.Errorf("thinking %q", got)
	}
	if got := b.eval(`document.querySelectorAll("article.assistant span")[1].textContent`); got != "Four, I am sure. <b>Quite</b>." {
		t.Errorf("answer %q", got)
	}
	if got := b.eval(`document.querySelector("article.user").innerText.trim()`); got != "How much is two and two?" {
		t.Errorf("question %q", got)
	}
	if path := os.Getenv("DISTILL_SCREENSHOT"); path != "" {
		var shot struct{ Data []byte }
		json.Unmarshal(b.call("Page.captureScreenshot", nil), &shot)
		os.WriteFile(path, shot.Data, 0o644)
	}
	b.click("#clear")
	b.until(`document.querySelectorAll("article").length === 0`)
}
