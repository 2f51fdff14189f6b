# ironkv. `make` alone lists the targets; `make ci` is exactly what CI runs.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BIN      := bin

# Seeds and lengths of the longer runs, for the command line: make sim SEED=7
SEED     ?= 1
SEEDS    ?= 520
STEPS    ?= 4000
FUZZTIME ?= 30s
PART     ?= 1/1
ONLY     ?=
DURATION ?= 1m
KILLS    ?= 1000
LONG     ?= 2s

# CI takes a third of the mutants: which one is by the commit's id, or by the day.
THIRD    := $(shell n=$$(git rev-parse HEAD 2>/dev/null | cut -c1-7); echo $$(($${n:+0x}$${n:-1$$(date +%j)} % 3 + 1))/3)

# CI (.ci/run sets it) may mount file systems; were it not so, chaos would fail rather than go without full disks.
DISKS    := $(if $(CI),-require-disks)

.DEFAULT_GOAL := help
.PHONY: help build programs test lint demo sim explore explore-deep mutants teeth chaos kills soak hostile ci bench profile fuzz

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

build: ## kvd, kvctl and kvbench, into bin/
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./cmd/...

programs: # those of tests/: run from bin/ they end with their own exit codes, which go run would make 1
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./tests/demo ./tests/sim ./tests/explore ./tests/chaos ./tests/mutants

test: ## every test, the concurrent packages under the race detector too (minutes)
	go test ./...
	go test -race -short ./udp/... ./kv/store ./kv/server/... ./kv/client/... ./kv/cluster/... ./ghost/...

lint: ## formatting, imports' direction, docs, dead code
	go run $(GOLANGCI) run ./...

demo: build programs ## three hosts, a real data set, live moves, a kill, an audit: about a minute
	$(BIN)/demo -bin $(BIN)

sim: programs ## the simulator, all sizes, wires and stores in turn: SEED, SEEDS, STEPS
	$(BIN)/sim -seed $(SEED) -seeds $(SEEDS) -steps $(STEPS) -rotate

explore: programs ## every behaviour of small clusters: the scopes that the tests run (seconds)
	$(BIN)/explore

explore-deep: programs ## every behaviour of larger ones, and of P by itself (half an hour to an hour, 15 GB)
	$(BIN)/explore -deep

chaos: programs ## real processes behind a bad network, on bad disks, killed and stopped: DURATION, SEED
	$(BIN)/chaos -duration $(DURATION) -seed $(SEED) $(DISKS)

mutants: programs ## seeded faults, each of which a check has to catch: PART=k/n of them, ONLY=pattern of names (minutes)
	$(BIN)/mutants -part $(PART) -only '$(ONLY)'

teeth: ## the faults that stories name, seeded one by one: each story by itself has to find its own (minutes)
	go test ./tests/story -count 1 -run Teeth -teeth -timeout 1h

kills: build programs ## a thousand SIGKILLs while ranges move: KILLS, SEED
	$(BIN)/chaos -bin $(BIN) -kills $(KILLS) -seed $(SEED)

soak: programs ## hours of faults on one cluster whose data grow and shrink: DURATION, SEED
	$(BIN)/chaos -soak -duration $(DURATION) -seed $(SEED)

ci: lint test sim demo ## exactly what CI runs
	$(MAKE) mutants PART=$(THIRD)
	for seed in 1 2 3 4 5; do $(MAKE) chaos DURATION=1m SEED=$$seed || exit 1; done

hostile: ## floods and overload for longer, with the ratios of speeds that they leave, and a recovery by the clock: LONG for each part
	go test -count 1 -v -timeout 30m -run 'Flood|UnderOverload|OpenLoop' ./tests/hostile -long $(LONG)
	@# its callers in a process of their own, which has no other test's heap to look after
	go test -count 1 -v -timeout 30m -run 'TestOverload$$' ./tests/hostile -long $(LONG)
	go test -count 1 -v -run ServedAgain ./tests/e2e -long

bench: ## micro-benchmarks: the map, messages, a step, fragments
	go test -run '^$$' -bench . -benchmem ./delegation ./marshal ./kv ./kv/store ./udp/...

profile: build ## CPU profiles of hosts and client into bin/profile/: single gets and sets, batches, a move
	$(BIN)/kvbench get --clients 1 --profile $(BIN)/profile/get-1
	$(BIN)/kvbench get --clients 64 --profile $(BIN)/profile/get-64
	$(BIN)/kvbench set --clients 64 --profile $(BIN)/profile/set-64
	$(BIN)/kvbench get --batch 64 --keys 1000000 --profile $(BIN)/profile/get-batch-64
	$(BIN)/kvbench set --disk --clients 64 --profile $(BIN)/profile/set-durable-64
	$(BIN)/kvbench move --shape 1000000x128 --moves 1 --rate unlimited --profile $(BIN)/profile/move
	@for h in get-1/host get-64/host set-64/host get-batch-64/host set-durable-64/host move/ironkv-1000000x128/host1- move/ironkv-1000000x128/host2-; do \
	  echo "== $$h"; go tool pprof -top -nodecount 15 $(BIN)/kvd $(BIN)/profile/$$h*.pprof 2>/dev/null | tail -n +6; done

fuzz: ## every fuzz target in turn, FUZZTIME each
	@for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done
