package dataset

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

var millionRows = flag.Int("million.rows", 0, "rows of the test of a large dataset; 0 skips it")

// proseRows yields rows of about 1.5 KB of text, as a worked answer has, without holding them.
func proseRows(n int) func(func(distill.Row, error) bool) {
	words := strings.Fields("so the sum of these two numbers is what we need and then half of it goes to each friend which leaves seven")
	return func(yield func(distill.Row, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		text := func(n int) string {
			var b strings.Builder
			for b.Len() < n {
				b.WriteString(words[random.IntN(len(words))])
				fmt.Fprintf(&b, " %d ", random.IntN(1000))
			}
			return b.String()
		}
		// A pool keeps the generator's own cost out of the measurement.
		pool := make([]string, 256)
		for i := range pool {
			pool[i] = text(500)
		}
		for i := range n {
			row := plain(i, 1)[0]
			row.Prompt.Messages[0].Content = pool[random.IntN(256)]
			row.Reasoning, row.Response = pool[random.IntN(256)]+pool[random.IntN(256)], pool[random.IntN(256)][:100]
			row.CompletionTokens = 300
			if !yield(row, nil) {
				return
			}
		}
	}
}

func bytesOf(rows []distill.Row) (n int64) {
	for i := range rows {
		n += int64(approximateBytes(&rows[i]))
	}
	return n
}

func take(n int) (rows []distill.Row) {
	for row := range proseRows(n) {
		rows = append(rows, row)
	}
	return rows
}

// BenchmarkAppend measures durable appends from one caller in batches of 256 rows, finishing shards on the way.
func BenchmarkAppend(b *testing.B) {
	rows := take(256)
	d, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.SetBytes(bytesOf(rows))
	for i := 0; b.Loop(); i++ {
		for j := range rows {
			rows[j].ID = RowID(rows[j].Prompt.ID, int32(i), "t", distill.Sampling{})
		}
		if err := d.Append(context.Background(), rows...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendConcurrent measures single rows from 64 callers: each waits until its row is durable.
func BenchmarkAppendConcurrent(b *testing.B) {
	row := take(1)[0]
	d, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	var n atomic.Int32
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.SetBytes(int64(approximateBytes(&row)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := row
			r.ID = RowID("p", n.Add(1), "t", distill.Sampling{})
			if err := d.Append(context.Background(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSeal measures how a stream of 16,000 rows that came a few at a time becomes a shard.
func BenchmarkSeal(b *testing.B) {
	rows := take(16_000)
	b.SetBytes(bytesOf(rows))
	for b.Loop() {
		b.StopTimer()
		d, err := Open(b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for few := range slices.Chunk(rows, 2) {
			if err := d.Append(context.Background(), few...); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if err := d.Seal(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		d.Close()
		b.StartTimer()
	}
}

// BenchmarkWrite measures a dataset written in bulk.
func BenchmarkWrite(b *testing.B) {
	rows := take(60_000)
	b.SetBytes(bytesOf(rows))
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		path := filepath.Join(dir, fmt.Sprint(i))
		if _, err := Write(path, Options{}, sequence(rows)); err != nil {
			b.Fatal(err)
		}
		os.RemoveAll(path)
	}
}

// BenchmarkRows measures reading, checksums and decoding included.
func BenchmarkRows(b *testing.B) {
	rows := take(60_000)
	for _, compression := range []Compression{None, LZ4, Zstd} {
		b.Run(string(compression), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "data")
			if _, err := Write(dir, Options{Compression: compression}, sequence(rows)); err != nil {
				b.Fatal(err)
			}
			d, err := Open(dir, Options{ReadOnly: true})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(bytesOf(rows))
			for b.Loop() {
				for _, err := range d.Rows() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// sampledRow is a completion of n tokens over a vocabulary of 150 000 with 12 draws a token from distributions as
// language models have them: the probability of the r-th candidate falls as exp(-rank·sharpness), with a sharpness
// that changes from token to token; a tenth of them are nearly flat.
func sampledRow(random *rand.Rand, i, n int) distill.Row {
	row := plain(i, 1)[0]
	row.Signal = &distill.Signal{Kind: distill.Sampled}
	for range n {
		sharpness := math.Exp(random.NormFloat64()*1.5 + 0.5)
		if random.IntN(10) == 0 {
			sharpness = 0.02
		}
		counts := make(map[int32]int)
		base := random.Int32N(150_000 - 1000)
		for range 12 {
			rank := int32(min(900, random.ExpFloat64()/sharpness))
			counts[base+rank*7919%1000]++
		}
		var ids []int32
		var logprobs []float32
		for id, c := range counts {
			ids, logprobs = append(ids, id), append(logprobs, float32(math.Log(float64(c)/12)))
		}
		row.TokenIDs = append(row.TokenIDs, ids[0])
		row.TokenLogprobs = append(row.TokenLogprobs, logprobs[0]-random.Float32())
		row.Signal.Append(ids, logprobs)
	}
	return row
}

// Twelve samples a token, with the token's own id and log-probability, cost at most 40 bytes of disk: on distributions like
// a language model's, and where all twelve draws differ and are uniform over a large vocabulary, which no model does: of
// that the ids alone carry 23 bytes of information.
func TestSignalCostsAtMost40BytesAToken(t *testing.T) {
	const rows, tokens = 60, 400
	flat := func(random *rand.Rand, i, n int) distill.Row {
		row := plain(i, 1)[0]
		row.Signal = &distill.Signal{Kind: distill.Sampled}
		for range n {
			ids, logprobs := make([]int32, 12), make([]float32, 12)
			for j := range ids {
				ids[j], logprobs[j] = random.Int32N(262_144), float32(math.Log(1.0/12))
			}
			row.Signal.Append(ids, logprobs)
			row.TokenIDs, row.TokenLogprobs = append(row.TokenIDs, ids[0]), append(row.TokenLogprobs, -random.Float32()*10)
		}
		return row
	}
	for name, draw := range map[string]func(*rand.Rand, int, int) distill.Row{"like a model": sampledRow, "all different": flat} {
		entries := 0
		size := func(strip bool) int64 {
			random := rand.New(rand.NewPCG(3, 4))
			var all []distill.Row
			for i := range rows {
				row := draw(random, i, tokens)
				entries += len(row.Signal.IDs)
				if strip {
					row.TokenIDs, row.TokenLogprobs, row.Signal = nil, nil, nil
				}
				all = append(all, row)
			}
			dir := filepath.Join(t.TempDir(), fmt.Sprint(strip))
			if _, err := Write(dir, Options{Origin: Origin{Signal: distill.Sampled}}, sequence(all)); err != nil {
				t.Fatal(err)
			}
			m, _, _ := readManifest(dir)
			return m.Shards[0].Bytes
		}
		perToken := float64(size(false)-size(true)) / (rows * tokens)
		t.Logf("%s: %.1f bytes a token for %.1f distinct samples", name, perToken, float64(entries)/(2*rows*tokens))
		if perToken > 40 {
			t.Errorf("%s: %.1f bytes a token", name, perToken)
		}
	}
}

// A million rows: bounded memory, and a finished run that is opened again knows at once that nothing is to be done.
// Run with -million.rows 1000000.
func TestMillionRows(t *testing.T) {
	n := *millionRows
	if n == 0 {
		t.Skip("a long test: -million.rows 1000000")
	}
	dir := filepath.Join(t.TempDir(), "data")
	debug.FreeOSMemory()
	begin := time.Now()
	if _, err := Write(dir, Options{}, proseRows(n)); err != nil {
		t.Fatal(err)
	}
	t.Logf("written in %v", time.Since(begin))
	begin = time.Now()
	d := open(t, dir, Options{})
	for i := range n {
		if !d.Has(plainID(i)) {
			t.Fatalf("row %d is not there", i)
		}
	}
	took := time.Since(begin)
	t.Logf("opened and found nothing to do in %v", took)
	if took > 5*time.Second {
		t.Errorf("nothing to do takes %v", took)
	}
	begin = time.Now()
	read := 0
	for _, err := range d.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		read++
	}
	var bytes int64
	for _, s := range d.Shards() {
		bytes += s.Bytes
	}
	t.Logf("read %d rows, %d MB, in %v: %.0f MB/s", read, bytes>>20, time.Since(begin), float64(bytes)/1e6/time.Since(begin).Seconds())
	peak := fixture.PeakMB(t)
	t.Logf("peak resident memory %d MB", peak)
	if peak > 300 {
		t.Errorf("peak resident memory %d MB", peak)
	}
}

func plainID(i int) string { return RowID(fmt.Sprint("p", i), 0, "t", distill.Sampling{}) }
