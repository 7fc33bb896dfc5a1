package convert

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

// hfRows is the number of rows in one file of a Hugging Face folder.
const hfRows = 100_000

// hfSplits names our splits as Hugging Face does.
var hfSplits = map[distill.Split]string{distill.Train: "train", distill.Heldout: "test"}

func parquetFiles(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".parquet" {
			files = append(files, path)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

func readHF(dir string, options Options) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		files, err := parquetFiles(dir)
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		for _, path := range files {
			for row, err := range readParquet(path, options) {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// writeHF fills a folder that is complete when it gets its name.
func writeHF(dir string, rows iter.Seq2[distill.Row, error], options Options) (err error) {
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	parts := make(map[string]*hfPart)
	defer func() {
		if err != nil {
			for _, p := range parts {
				p.abandon()
			}
			os.RemoveAll(tmp)
		}
	}()
	if err := os.MkdirAll(filepath.Join(tmp, "data"), 0o755); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		split, ok := hfSplits[row.Prompt.Split]
		if !ok {
			return fmt.Errorf("row %s: split %q", row.ID, row.Prompt.Split)
		}
		if parts[split] == nil {
			parts[split] = &hfPart{dir: filepath.Join(tmp, "data"), split: split, origin: options.Origin}
		}
		if err := parts[split].add(row); err != nil {
			return err
		}
	}
	var splits []string
	for split, p := range parts {
		if err := p.finish(); err != nil {
			return err
		}
		splits = append(splits, split)
	}
	slices.SortFunc(splits, func(a, b string) int { return strings.Compare(b, a) }) // train before test
	if err := os.WriteFile(filepath.Join(tmp, "README.md"), []byte(options.Card.Markdown(splits...)), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// hfPart writes the files of one split. How many there will be is part of their names, so they are named at the end.
type hfPart struct {
	dir, split string
	origin     dataset.Origin
	batch      []distill.Row
	file       *os.File
	writer     *parquetWriter
	inFile     int
	files      []string
}

func (p *hfPart) add(row distill.Row) error {
	p.batch = append(p.batch, row)
	if len(p.batch) < 1024 {
		return nil
	}
	return p.flush()
}

func (p *hfPart) flush() (err error) {
	if len(p.batch) == 0 {
		return nil
	}
	if p.file == nil {
		if p.file, err = os.Create(filepath.Join(p.dir, fmt.Sprintf("%s-%05d.tmp", p.split, len(p.files)))); err != nil {
			return err
		}
		p.files = append(p.files, p.file.Name())
		if p.writer, err = newParquetWriter(p.file, p.origin); err != nil {
			return err
		}
	}
	rows := func(yield func(distill.Row, error) bool) {
		for _, row := range p.batch {
			if !yield(row, nil) {
				return
			}
		}
	}
	for record, err := range dataset.Records(rows, p.origin) {
		if err == nil {
			err = p.writer.add(record)
		}
		if err != nil {
			return err
		}
	}
	p.inFile += len(p.batch)
	clear(p.batch)
	if p.batch = p.batch[:0]; p.inFile >= hfRows {
		return p.closeFile()
	}
	return nil
}

func (p *hfPart) closeFile() error {
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.writer.close(), p.file.Sync(), p.file.Close())
	p.file, p.writer, p.inFile = nil, nil, 0
	return err
}

func (p *hfPart) abandon() {
	if p.file != nil {
		p.file.Close()
	}
}

func (p *hfPart) finish() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.closeFile(); err != nil {
		return err
	}
	for i, name := range p.files {
		if err := os.Rename(name, filepath.Join(p.dir, fmt.Sprintf("%s-%05d-of-%05d.parquet", p.split, i, len(p.files)))); err != nil {
			return err
		}
	}
	return nil
}
