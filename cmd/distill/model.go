package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func modelCommand() *cli.Command {
	threads := &cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"}
	asJSON := &cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"}
	return &cli.Command{
		Name:  "model",
		Usage: "look at, run and convert model files",
		Subcommands: append([]*cli.Command{
			{Name: "inspect", Usage: "show architecture, tokenizer, template and tensors", ArgsUsage: "MODEL", Action: modelInspect, Flags: []cli.Flag{
				asJSON, &cli.BoolFlag{Name: "tensors", DisableDefaultText: true, Usage: "list every tensor"}}},
			{Name: "tokenize", Usage: "print the token ids of a text, on one line", ArgsUsage: "MODEL TEXT|-", Action: modelTokenize, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "decode", DisableDefaultText: true, Usage: "the other way: TEXT holds ids, print their text"},
				&cli.BoolFlag{Name: "special", DisableDefaultText: true, Usage: "read special tokens such as <|im_end|> in the text as such"}}},
			{Name: "complete", Usage: "continue a raw text", ArgsUsage: "MODEL TEXT|-", Action: modelComplete, Flags: []cli.Flag{
				&cli.StringFlag{Name: "ids", Usage: "the prompt as token ids, `1,403,407`, instead of TEXT"},
				&cli.BoolFlag{Name: "special", DisableDefaultText: true, Usage: "read special tokens such as <|im_start|> in TEXT as such"},
				&cli.BoolFlag{Name: "print-ids", DisableDefaultText: true, Usage: "print token ids instead of text"},
				&cli.IntFlag{Name: "n", Value: 128, Usage: "`number` of tokens at most"},
				&cli.Float64Flag{Name: "temperature", Value: 0.8, Usage: "of the draw; 0 is greedy"},
				&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "draw from the most likely tokens of this `mass`"},
				&cli.IntFlag{Name: "top-k", Usage: "draw from this `number` of tokens; 0 for all"},
				&cli.Uint64Flag{Name: "seed", Usage: "of the draw"}, threads}},
			{Name: "perplexity", Usage: "measure how well a model predicts a text", ArgsUsage: "MODEL FILE", Action: modelPerplexity, Flags: append([]cli.Flag{
				&cli.IntFlag{Name: "ctx", DefaultText: "512, or the model's context", Usage: "`tokens` in a window, of which the second half is scored"}, asJSON, threads}, logFlags()...)},
		}, modelConversions()...),
	}
}

// inspection is what inspect prints.
type inspection struct {
	Name          string             `json:"name"`
	Architecture  string             `json:"architecture"`
	Parameters    int                `json:"parameters"`
	Bytes         int64              `json:"bytes"`
	BitsPerWeight float64            `json:"bits_per_weight"`
	Config        model.Config       `json:"config"`
	Tokenizer     string             `json:"tokenizer,omitempty"`
	TokenizerHash string             `json:"tokenizer_hash,omitempty"`
	Template      string             `json:"chat_template,omitempty"`
	Types         map[string]int     `json:"tensor_types"`
	Tensors       []tensorInspection `json:"tensors"`
	Notes         []string           `json:"notes,omitempty"`
}

type tensorInspection struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
}

func inspect(m *model.Model) inspection {
	i := inspection{Name: m.Name, Architecture: m.Arch, Parameters: m.Params(), Bytes: m.Bytes(), Config: m.Config, Template: m.Template,
		Types: map[string]int{}, Notes: m.Notes}
	i.BitsPerWeight = 8 * float64(i.Bytes) / float64(max(1, i.Parameters))
	if t := m.Tokenizer; t != nil {
		i.Tokenizer, i.TokenizerHash = describeTokenizer(m), t.Hash()
	}
	for _, t := range m.Tensors() {
		i.Types[t.Type.String()]++
		i.Tensors = append(i.Tensors, tensorInspection{t.Name, t.Type.String(), t.Shape, len(t.Data)})
	}
	return i
}

func modelInspect(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	m, err := workbench.Open(args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	i := inspect(m)
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(i)
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	row := func(name string, format string, values ...any) {
		t.AppendRow(table.Row{name, fmt.Sprintf(format, values...)})
	}
	row("name", "%s", i.Name)
	row("architecture", "%s, %d layers, width %d, ffn %d", m.Arch, m.Layers, m.Width, m.FFN)
	row("attention", "%d heads, %d KV heads of %d", m.Heads, m.KVHeads, m.HeadDim)
	row("positions", "context %d, theta %g%s", m.Context, m.RopeTheta, stretched(m.RopeScaling))
	row("embeddings", "%d × %d, %s", m.Vocab, m.Width, map[bool]string{true: "tied", false: "input and output apart"}[m.TiedEmbeddings])
	row("parameters", "%s", report.Count(int64(i.Parameters)))
	row("size", "%s, %.2f bits a weight", report.Bytes(i.Bytes), i.BitsPerWeight)
	row("tokenizer", "%s", orNone(i.Tokenizer))
	row("chat template", "%s", orNone(firstLine(i.Template)))
	for _, note := range i.Notes {
		row("note", "%s", note)
	}
	tensors := table.NewWriter()
	tensors.SetStyle(plainTable)
	if c.Bool("tensors") {
		for _, x := range i.Tensors {
			tensors.AppendRow(table.Row{x.Name, x.Type, strings.Trim(fmt.Sprint(x.Shape), "[]"), report.Bytes(int64(x.Bytes))})
		}
	} else {
		typeTable(tensors, m)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s\n\n%s\n", render(t), render(tensors))
	return err
}

// stretched says how positions reach beyond the context that a model was first trained on.
func stretched(s *model.RopeScaling) string {
	switch {
	case s == nil:
		return ""
	case s.OriginalContext == 0:
		return fmt.Sprintf(", %s ×%g", s.Type, s.Factor)
	}
	return fmt.Sprintf(", %s ×%g from %d", s.Type, s.Factor, s.OriginalContext)
}

// describeTokenizer names the family, the rule that cuts words, the size, and the tokens that begin a prompt and end an answer.
func describeTokenizer(m *model.Model) string {
	t, name := m.Tokenizer, "SentencePiece"
	if t.Pre != "" {
		name = "BPE " + t.Pre
	}
	text := fmt.Sprintf("%s, %d tokens", name, t.Size())
	if t.AddBOS {
		text += ", begins with " + t.Text(t.BOS)
	}
	if len(t.EndTokens()) > 0 {
		text += ", ends at"
	}
	for _, id := range t.EndTokens() {
		text += " " + t.Text(id)
	}
	return text
}

// typeTable says how much of the model is in which format.
func typeTable(t table.Writer, m *model.Model) {
	var order []quant.Type
	count, weights, bytes := map[quant.Type]int{}, map[quant.Type]int64{}, map[quant.Type]int64{}
	for _, x := range m.Tensors() {
		if count[x.Type] == 0 {
			order = append(order, x.Type)
		}
		count[x.Type]++
		weights[x.Type] += int64(x.Elements())
		bytes[x.Type] += int64(len(x.Data))
	}
	for _, typ := range order {
		t.AppendRow(table.Row{typ.String(), fmt.Sprintf("%d tensors", count[typ]), report.Count(weights[typ]) + " weights", report.Bytes(bytes[typ])})
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func firstLine(s string) string {
	line, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(line); len(r) > 100 {
		return string(r[:100]) + "…"
	} else if more {
		return line + " …"
	}
	return line
}

// textArgument returns an argument, or standard input where it is "-".
func textArgument(c *cli.Context, arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	data, err := io.ReadAll(c.App.Reader)
	return string(data), err
}

func parseIDs(s string, vocabulary int) ([]distill.Token, error) {
	var ids []distill.Token
	for _, field := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		id, err := strconv.ParseInt(field, 10, 32)
		if err != nil || id < 0 || int(id) >= vocabulary {
			return nil, usage(fmt.Sprintf("%q is no token id of a vocabulary of %d", field, vocabulary), "distill model tokenize prints the ids of a text")
		}
		ids = append(ids, distill.Token(id))
	}
	return ids, nil
}

func printIDs(w io.Writer, ids []distill.Token) error {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.Itoa(int(id))
	}
	_, err := fmt.Fprintln(w, strings.Join(texts, " "))
	return err
}

func modelTokenize(c *cli.Context) error {
	args, err := arguments(c, 2, 2)
	if err != nil {
		return err
	}
	tok, _, err := workbench.OpenTokenizer(args[0])
	if err != nil {
		return err
	}
	text, err := textArgument(c, args[1])
	if err != nil {
		return err
	}
	if c.Bool("decode") {
		ids, err := parseIDs(text, tok.Size())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.App.Writer, tok.Decode(ids))
		return err
	}
	return printIDs(c.App.Writer, tok.Encode(text, c.Bool("special")))
}

// openForRunning opens a model and packs it to be run, and says to w what of it is not done as it says.
func openForRunning(w io.Writer, name string, threads int) (*infer.Model, error) {
	m, err := workbench.OpenWithTokenizer(name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for _, note := range m.Notes {
		fmt.Fprintf(w, "%s: %s\n", name, note)
	}
	return infer.New(m, infer.Options{Threads: threads})
}

func modelComplete(c *cli.Context) error {
	least := 2
	if c.String("ids") != "" {
		least = 1
	}
	args, err := arguments(c, least, least)
	if err != nil {
		return err
	}
	m, err := openForRunning(c.App.ErrWriter, args[0], c.Int("threads"))
	if err != nil {
		return err
	}
	defer m.Close()
	prompt, err := completionPrompt(c, m, args)
	if err != nil {
		return err
	}
	engine := infer.NewEngine(m, infer.EngineOptions{Slots: 1})
	defer engine.Close()
	req := infer.Request{Prompt: prompt, Sampling: distill.Sampling{
		Temperature: c.Float64("temperature"), TopP: c.Float64("top-p"), TopK: c.Int("top-k"), MaxTokens: c.Int("n"), Seed: c.Uint64("seed")}}
	if !c.Bool("print-ids") {
		req.OnToken = func(_ distill.Token, text string) { fmt.Fprint(c.App.Writer, text) }
	}
	answer, err := engine.Generate(c.Context, req)
	if err != nil {
		return err
	}
	if c.Bool("print-ids") {
		return printIDs(c.App.Writer, answer.Tokens)
	}
	_, err = fmt.Fprintln(c.App.Writer)
	return err
}

// completionPrompt returns the prompt as ids, the begin token first where the tokenizer wants it; ids are taken as they are.
func completionPrompt(c *cli.Context, m *infer.Model, args []string) ([]distill.Token, error) {
	if ids := c.String("ids"); ids != "" {
		return parseIDs(ids, m.Config().Vocab)
	}
	text, err := textArgument(c, args[1])
	if err != nil {
		return nil, err
	}
	return workbench.TextTokens(m.Tokenizer(), text, c.Bool("special")), nil
}

func modelPerplexity(c *cli.Context) error {
	args, err := arguments(c, 2, 2)
	if err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	m, err := openForRunning(c.App.ErrWriter, args[0], c.Int("threads"))
	if err != nil {
		return err
	}
	defer m.Close()
	text, err := os.ReadFile(args[1])
	if err != nil {
		return usage(err.Error(), "")
	}
	tokens := workbench.TextTokens(m.Tokenizer(), string(text), false)
	window := c.Int("ctx")
	if window == 0 {
		window = min(512, m.Context())
	}
	meter := screen.board.Start("perplexity", "windows", int64(len(tokens)/max(1, window)), 0)
	p, err := workbench.PerplexityOfText(c.Context, m, tokens, window, meter)
	meter.Stop()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(p)
	}
	_, err = fmt.Fprintf(c.App.Writer, "perplexity %.4f ± %.4f over %d tokens in %d windows of %d\n", p.Perplexity, p.Error, p.Tokens, p.Windows, window)
	return err
}
