# The front door.  The build itself is meson's; see CONTRIBUTING.md.
BUILD ?= build
.PHONY: all build demo check check-long deb check-deb bench install clean

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

# Debian packages in build/deb, and their test in a Debian of its own (debootstrap; needs the mirror).
deb:
	tools/deb

check-deb: deb
	/usr/bin/python3 -m pytest -q -rs -p no:cacheprovider tests/deb

# What the product does on this machine: build/bench/results.json and RESULTS.md.  QUICK=1: under three minutes.
bench:
	tools/setup
	$(MAKE) build
	bench/run.py $(if $(QUICK),--quick) --bin $(BUILD)

install:
	$(MAKE) build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)
