# SPDX-License-Identifier: BSD-2-Clause
"""What bench/run.py works with: the generator's counts agree with those of the ends and of the tap."""

import os
import sys

import pytest
from rig import BIN, TREE

sys.path.insert(0, TREE + "/bench")

from benchlib import topo  # noqa: E402
from benchlib.tools import SPAN, Gen, Refused, Tap  # noqa: E402

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to make network namespaces")
TARGETS = "100.64.0.0/10,1000"


@pytest.fixture(scope="module")
def gen():
    with topo.Lab(), Gen(BIN) as g:
        yield g


@ROOT
@pytest.mark.parametrize("words", [{}, {"family": 6}, {"len": 1400}, {"burst": 128}, {"rate": 50000},
                                   {"src": "128.0.0.0/2,536870912", "dst": "128.0.0.0/2,536870912"},
                                   {"burst": 128, "bursts": 6}])
def test_all_that_is_sent_is_forwarded(gen, words):
    r = gen.run(ms=60, **words)
    assert r["sent"] == r["forwarded"] > 0 and r["copies"] == 0
    assert r["forwarded_bytes"] == r["sent"] * words.get("len", 64)
    if "bursts" in words:
        assert r["sent"] == 768


@ROOT
def test_a_rate_is_kept(gen):
    r = gen.run(ms=200, rate=100000)
    assert 0.8 < 1e5 * r["ns_sent"] / 1e9 < 1.25


@ROOT
def test_generators_targets_are_the_tables(gen, tmp_path):
    """What bench_gen calls a target is copied, everything else is not; for hosts and for 16 masks."""
    with Tap(BIN, str(tmp_path), max=4096) as tap:
        tap.fill("dst", 1000, space=TARGETS)
        tap.attach()
        r = gen.run(ms=60, match=SPAN // 4, target=TARGETS)
        counted = tap.account()
        assert 0 < r["targets"] < r["sent"]
        assert r["targets"] == counted["matched"] == counted["due"] == r["copies"] + counted["lost"] + counted["queue"]
        assert r["copied_bytes"] == r["copies"] * (64 + 28)
        for i, mix in enumerate(("masks4", "masks16", "fields")):
            tap.fill(mix, 600, first=10000 * (1 + i), family=46)
            assert gen.run(ms=30)["copies"] == gen.run(ms=30, family=6)["copies"] == 0
        assert tap.account() == counted
        assert tap.ask("usage")["masks"] >= 32


@ROOT
def test_noop_and_clone(gen):
    gen.ask("hook", "noop")
    r = gen.run(ms=60, stats=1)
    assert r["hook_runs"] == r["sent"] and 0 < r["hook"] < 2000
    gen.ask("hook", "clone", copies=2)
    r = gen.run(ms=60)
    gen.ask("hook", "none")
    assert r["copies"] == 2 * r["sent"]
    assert gen.run(ms=30)["copies"] == 0


@ROOT
def test_nonsense_is_refused(gen):
    for words in ("nonsense",), ("run", "src=10.0.0.0/8"), ("run", "len=x"), ("run", "burst=0"), ("hook", "other"):
        with pytest.raises(Refused):
            gen.ask(*words)
