# `make help` lists what there is.
NODE  := scripts/node
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# How the lab is to be: make lab HOSTS=5 STORE=etcd UNDERLAY=routed MTU=9000
export LAB ?= lab
# As typed: make would expand the shell's own $ in it.
override CMD := $(value CMD)
export HOSTS UNDERLAY MTU PATH_MTU WIRE STORE HOST CMD FLANNELD SECONDS_PER_RUN REPEATS LIMIT GUESTS MATRIX ONLY SETUPS PARTS ALL

fuzz: export FUZZ_PACKETS ?= 1000000

BPF_SOURCES := $(wildcard bpf/*.c)
BPF_PARTS   := $(wildcard bpf/*/*.c bpf/*/*.h)
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.c=build/bpf/%.o)
BPF_CFLAGS  := -target bpf -g -O2 -Wall -Werror -Ibpf/include -I/usr/include/$(shell uname -m)-linux-gnu
TOOLS       := $(patsubst %,build/bench/%,udp_flood udp_ping_pong udp_relay)
# Of the tests, made here because an emulated machine would take long.
TEST_TOOLS  := build/integration/udp_datagrams build/integration/frames
# The programs without one of their duties, for what it costs.
VARIANTS    := $(patsubst %,build/bench/bpf/vxlan-%.o,NO_SOURCE_CHECK NO_COUNTERS NO_CONNTRACK)
CC          := $(shell command -v cc || echo clang)

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  make %-11s %s\n", $$1, $$2 }'

setup: ## install what is missing: Debian packages, node modules, BPF objects
	@scripts/setup.sh

bpf: $(BPF_OBJECTS) ## compile bpf/*.c to build/bpf/*.o
	@:

build/bpf/%.o: bpf/%.c $(BPF_PARTS)
	@command -v clang >/dev/null || { echo "clang is missing: make setup, as root" >&2; exit 1; }
	@mkdir -p $(@D)
	@echo "clang $<"
	@clang $(BPF_CFLAGS) -c $< -o $@

tools: $(TOOLS)
	@:

build/bench/%: bench/tools/%.c bench/tools/udp.h bench/tools/ipv4.h
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Werror -o $@ $<

build/integration/%: integration/dataplane/tools/%.c
	@mkdir -p $(@D)
	@clang -O2 -Wall -Werror -o $@ $<

demo: setup ## three hosts, pod-to-pod traffic and a table; leaves nothing behind (root)
	@$(NODE) lab/demo.ts

lab: setup ## bring hosts up and leave them: HOSTS=5 STORE=etcd UNDERLAY=routed MTU=9000 (root)
	@$(NODE) lab/up.ts

lab-shell: ## a shell in a host of the lab: HOST=a, or one command: HOST=a CMD='tartan join' (root)
	@$(NODE) lab/shell.ts

lab-down: ## take the lab down (root)
	@$(NODE) lab/down.ts

vm-kernel:
	@[ "$$(uname -m)" != x86_64 ] || scripts/setup.sh vm

vm: ## a shell on another kernel with this machine's files, emulated, or one command: CMD='uname -a' (root)
	@scripts/setup.sh modules vm
	@$(NODE) lab/vm/main.ts

ok: ## format, types, walls between rooms, unit tests: about a minute, no root
	@scripts/setup.sh modules
	@echo '== biome' && node_modules/.bin/biome check .
	@echo '== tsc' && node_modules/.bin/tsc -p .
	@echo '== dependency-cruiser' && node_modules/.bin/depcruise --config .dependency-cruiser.cjs cmd src lab bench chaos scripts test integration
	@scripts/test.sh unit test

promtool:
	@scripts/setup.sh promtool

test: setup promtool ok tools vm-kernel ## everything: ok, integration tests in namespaces, and those on another kernel (root)
	@scripts/test.sh integration integration
	@$(MAKE) --no-print-directory test-kernel

test-kernel: setup tools $(TEST_TOOLS) vm-kernel ## what loads programs or speaks to the kernel, on another kernel, emulated: ALL=1 for all that it can (root)
	@$(NODE) lab/vm/test_kernel.ts

model: ## how nodes take and keep leases, with everything that can happen in between: hours
	@scripts/setup.sh modules
	@$(NODE) --test --test-reporter=spec test/model/large.ts

chaos: setup ## faults at random over eight hosts, and what must hold: SEED=7 SECONDS=60, or SEED=1-20 in a row (root)
	@$(NODE) chaos/main.ts $(or $(SEED),1) $(or $(SECONDS),60)

fuzz: bpf ## a million random packets through each BPF program: FUZZ_PACKETS=1000000 SEED=1 (root)
	@$(NODE) --test integration/bpf/fuzz_test.ts

build/bench/bpf/vxlan-%.o: bpf/vxlan.c $(BPF_PARTS)
	@mkdir -p $(@D)
	@clang $(BPF_CFLAGS) -Wno-unused -Wno-unreachable-code -D$* -c $< -o $@

bench: setup tools $(VARIANTS) ## tartan beside flannel's way and plain routing; writes docs/benchmarks.md (root)
	@$(NODE) bench/main.ts

fmt: ## format and fix what can be fixed
	@node_modules/.bin/biome check --write .

gen: bpf ## regenerate src/bpf/layouts.gen.ts from the objects' BTF
	@$(NODE) scripts/gen_layouts.ts

.PHONY: help setup promtool bpf tools demo lab lab-shell lab-down vm vm-kernel ok test test-kernel model chaos fuzz bench fmt gen
