# The front door.  The build itself is meson's; see CONTRIBUTING.md.
BUILD ?= build
.PHONY: all build demo check check-long fuzz deb bench install clean

all: build

build:
	test -e $(BUILD)/build.ninja || meson setup $(BUILD)
	meson compile -C $(BUILD)

# The whole path on real traffic: build/demo/summary.json
demo:
	tools/setup
	$(MAKE) build
	tools/demo --bin $(BUILD) --out $(BUILD)/demo

check:
	tools/setup
	$(MAKE) build
	tools/check

# What takes longer than a quarter of an hour: 10,000 scripts of two agencies, longer random tests.
check-long:
	tools/setup
	$(MAKE) build
	tools/check long

# Every fuzz target for SECONDS (60), and which share of its files' lines was reached: build/fuzz/summary.txt.
fuzz:
	tools/setup
	tools/fuzz $(or $(SECONDS),60)

# Debian packages in build/deb; `make check` installs and upgrades them on a Debian of its own (tests/system).
deb:
	tools/setup
	tools/deb

# What the product does on this machine: build/bench/results.json and RESULTS.md.  QUICK=1: under three minutes.
bench:
	tools/setup
	$(MAKE) build
	bench/run.py $(if $(QUICK),--quick) --bin $(BUILD)

install:
	$(MAKE) build
	meson install -C $(BUILD)

# Everything that building and checking has made.
clean:
	rm -rf $(BUILD) build build-* build.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
