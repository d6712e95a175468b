# tern's front door. `sudo make demo` shows it, `sudo make test` tests it; both install what they need first.

CLANG_SOURCES = find src include sim tests fuzz bench -name '*.[ch]' 2>/dev/null

.PHONY: all build deps test unit story sim mutants netns interop kernel symbols demo bench throughput soak fuzz format check-format clean

all: build

deps:
	@tools/deps

build: deps
	@test -f build/build.ninja || meson setup build
	@ninja -C build

test: deps
	@tests/run

# One layer of the tests each.
unit story symbols netns interop kernel: deps
	@tests/run $@

# The simulator: the seeds that `make test` runs; SEED=n replays one with its ladder, MINUTES=m searches fresh ones.
sim: deps
	@$(if $(SEED)$(MINUTES),tests/search $(if $(SEED),--seed $(SEED),--minutes $(MINUTES)),tests/run sim)

# Rules of the protocol, disabled one by one: the simulator must notice each.
mutants: deps
	@tests/mutants

demo: build
	@demo/demo

# Ratios: what floods, many peers and many SAs cost, and a packet alone; as root also how fast packets cross a tunnel.
bench: build
	@build/bench/flood
	@build/bench/peers
	@build/bench/lookup
	@build/bench/plane
	@if [ $$(id -u) = 0 ]; then bench/throughput; else echo 'the throughput of tunnels: as root'; fi

# As root, on a machine that does nothing else: needs gnuplot, and fetches a wireguard-go to compare with.
throughput: build
	@bench/throughput

# As root: half an hour of full load, with accounts of what was lost.
soak: build
	@bench/soak

# The fuzz targets, in build-fuzz/fuzz, and what some of them begin with, in build-fuzz/corpus: for example
# build-fuzz/fuzz/fuzz_opened -max_total_time=600 -dict=build-fuzz/corpus/ike.dict build-fuzz/corpus/opened
fuzz: deps
	@test -f build-fuzz/build.ninja || CC=clang meson setup build-fuzz -Dfuzz=true -Dtests=false \
		-Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-fuzz
	@fuzz/seeds build-fuzz/corpus
	@find build-fuzz/fuzz -maxdepth 1 -type f -executable

format: deps
	@$(CLANG_SOURCES) | xargs -r clang-format -i

check-format: deps
	@$(CLANG_SOURCES) | xargs -r clang-format --dry-run --Werror

clean:
	@rm -rf build build-asan build-fuzz build-lean
