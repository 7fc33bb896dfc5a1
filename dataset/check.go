package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// Problem is something wrong with a dataset.
type Problem struct {
	File string `json:"file"` // within the folder
	Row  string `json:"row"`  // its id; empty where the whole file is meant
	What string `json:"what"`
}

func (p Problem) String() string {
	if p.Row == "" {
		return p.File + ": " + p.What
	}
	return p.File + ": row " + p.Row + ": " + p.What
}

// maxProblems is how many Check reports: after so many the rest is more of the same.
const maxProblems = 100

// Check reads everything in dir and reports what is wrong: sizes and checksums, what does not decode, rows that
// contradict themselves, ids that appear twice, files that belong to nothing. It goes on after a damaged shard. The
// error is for a folder that cannot be read at all.
func Check(dir string) (problems []Problem, err error) {
	manifest, found, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("dataset: %s: %w: no %s", dir, fs.ErrNotExist, manifestName)
	}
	c := checker{ids: make(map[key]struct{})}
	for _, shard := range manifest.Shards {
		if c.file = shard.File; len(c.problems) < maxProblems {
			c.batches(shardBatches(dir, shard))
		}
	}
	c.file = streamName(manifest.Next)
	path := filepath.Join(dir, c.file)
	if scan, err := scanStream(path, new(account)); err == nil {
		if torn := scan.total - scan.size; torn > 0 {
			c.report("", "an unfinished write of %d bytes at the end; opening for writing cuts it off", torn)
		}
		if scan.size > 0 {
			c.batches(streamBatches(tail{path, scan.size, scan.rows}))
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.report("", "%v", err)
	}
	c.strays(dir, manifest)
	return c.problems, nil
}

type checker struct {
	file     string
	ids      map[key]struct{}
	problems []Problem
}

func (c *checker) report(row, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{c.file, row, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) batches(batches func(func(arrow.Record, error) bool)) {
	for record, err := range batches {
		if err != nil {
			c.report("", "%v", err)
			return
		}
		eachRow(record, func(row distill.Row, err error) bool {
			if err != nil {
				c.report(row.ID, "%v", err)
				return true
			}
			c.row(&row)
			return len(c.problems) < maxProblems
		})
	}
}

func (c *checker) row(row *distill.Row) {
	kind := distill.NoSignal
	if row.Signal != nil {
		kind = row.Signal.Kind
	}
	if err := validate(row, kind); err != nil {
		c.report(row.ID, "%v", err)
	}
	k := keyOf(row.ID)
	if _, twice := c.ids[k]; twice {
		c.report(row.ID, "the id appears twice")
	}
	c.ids[k] = struct{}{}
	if row.Prompt.Split != distill.Train && row.Prompt.Split != distill.Heldout {
		c.report(row.ID, "split %q", row.Prompt.Split)
	}
	if len(row.Prompt.Messages) == 0 {
		c.report(row.ID, "no messages")
	}
	for i := range row.Signal.Len() {
		ids, logprobs := row.Signal.At(i)
		seen := make(map[distill.Token]struct{}, len(ids))
		for j, id := range ids {
			if _, twice := seen[id]; twice || id < 0 || logprobs[j] > 0 || logprobs[j] != logprobs[j] {
				c.report(row.ID, "signal at position %d: token %d with log-probability %v", i, id, logprobs[j])
				return
			}
			seen[id] = struct{}{}
		}
	}
}

// strays reports shards on the disk that the manifest does not list: rows that nobody will read.
func (c *checker) strays(dir string, manifest *Manifest) {
	listed := map[string]bool{streamName(manifest.Next): true, shardName(manifest.Next): true}
	for _, s := range manifest.Shards {
		listed[s.File] = true
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		name := entry.Name()
		if c.file = name; !listed[name] && strings.Contains(name, ".arrow") && !strings.HasSuffix(name, ".tmp") {
			c.report("", "not listed in %s", manifestName)
		}
	}
}
