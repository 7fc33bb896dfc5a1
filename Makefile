# make check runs what continuous integration runs. Each target says in one line what it is for.
export CGO_ENABLED ?= 0

# The packages whose fast paths are written in assembly or under build tags.
KERNELS = ./internal/kernel/... ./internal/panel/... ./internal/quant/... ./internal/half/...
# The packages where goroutines meet.
RACY    = ./internal/infer/... ./internal/server/... ./teacher/... ./dataset/... ./train/... ./internal/recipe/...

# What releases are called: the tag, or the commit until there is one.
VERSION ?= $(shell git describe --tags --always --dirty)

GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

.PHONY: check build fmt vet lint generate test race purego arm64 devices vuln bench results dist clean

check: fmt vet lint generate test race purego arm64 devices   ## everything that must hold

build:      ## the program, static, in this folder
	go build -trimpath -o distill ./cmd/distill

fmt:        ## all Go files are gofmt-clean
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-clean:"; echo "$$out"; exit 1; }

vet:        ## go vet, here and for every Raspberry Pi
	go vet ./...
	GOOS=linux GOARCH=arm64 go vet ./...
	GOOS=linux GOARCH=arm GOARM=7 go build ./...
	go mod verify >/dev/null
	go mod tidy -diff

lint:       ## golangci-lint
	go run $(GOLANGCI) run ./...

generate:   ## generated files are what their generators make
	go generate ./...
	git diff --exit-code

test:       ## the test suite, as the README says
	go test ./...

race:       ## the race detector where goroutines meet (needs cgo)
	CGO_ENABLED=1 go test -race -short $(RACY)

purego:     ## the kernels without assembly
	go test -tags purego $(KERNELS)

arm64:      ## the kernels on 64-bit Arm, under emulation
	@if command -v qemu-aarch64-static >/dev/null; then \
	  for cpu in cortex-a53 cortex-a72 max; do \
	    echo "arm64 $$cpu"; QEMU_CPU=$$cpu GOARCH=arm64 go test -short -exec qemu-aarch64-static $(KERNELS) || exit 1; \
	  done; \
	else echo "qemu-aarch64-static is missing: the kernels were not tested on arm64"; fi

devices:    ## from a release to the first answer on every Raspberry Pi, under emulation
	go test ./internal/release ./cmd/distill -run "FirstAnswer|BenchElsewhere" -devices -v -timeout 20m

vuln:       ## known vulnerabilities in dependencies (needs the network)
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

bench:      ## the benchmarks, ten runs, for benchstat
	go test -run '^$$' -bench . -count 10 ./internal/... ./dataset/... ./teacher/...

results:    ## docs/results.md, hours of runs; STORIES=FILE.gguf adds the studies on a story model
	go run ./docs/results -stories '$(STORIES)'

dist:       ## release archives of every platform, with checksums, in dist/
	go run ./internal/release -version "$(VERSION)" -out dist

clean:
	rm -rf dist distill
