# SPDX-License-Identifier: BSD-2-Clause
"""What bench/run.py makes of its readings: pure functions."""

import random
import sys
import xml.dom.minidom

import pytest
from rig import TREE

sys.path.insert(0, TREE + "/bench")

from benchlib import chart, report, stat  # noqa: E402
from benchlib.goals import GOALS  # noqa: E402


def sample(before, value, after):
    return stat.Sample(*({"ns": n} for n in (before, value, after)))


def test_schedule_has_the_baseline_around_every_variant():
    seen = set()
    for seed in range(20):
        plan = stat.schedule("abc", random.Random(seed))
        assert plan[0::2] == [None] * 4 and sorted(plan[1::2]) == ["a", "b", "c"]
        seen.add(tuple(plan))
    assert len(seen) > 1, "not shuffled"


def test_pair_takes_the_readings_beside():
    got = stat.pair([None, "b", None, "a", None], [1, 2, 3, 4, 5])
    assert got == {"b": (1, 2, 3), "a": (3, 4, 5)}


def test_ratio_and_extra():
    samples = [sample(90, 200, 110), sample(100, 100, 100)]
    assert stat.ratios(samples, "ns") == [0.5, 1.0]
    assert stat.extras(samples, "ns") == [100, 0]
    assert stat.values(samples, "ns") == [200, 100]


def test_drift_of_the_machine_cancels():
    """Each run a tenth slower than the one before: a variant that does nothing still has ratio 1, nearly."""
    n = [100 * 1.1 ** i for i in range(3)]
    assert abs(stat.ratios([sample(*n)], "ns")[0] - 1) < 0.01


def test_quotients_skip_a_round_without_divisor():
    assert stat.quotients([10, 20, 30], [5, 0, -1]) == [2]


def test_summary():
    assert stat.summary([3, 1, 2]) == (2, 1, 3)
    assert stat.summary([1, 2]) == (1.5, 1, 2)
    with pytest.raises(ValueError):
        stat.summary([])


@pytest.mark.parametrize("control, sound", [(0.97, True), (1.03, True), (0.969, False), (1.031, False)])
def test_control(control, sound):
    assert stat.is_sound(control) == sound


def test_reached():
    assert stat.reached(1, 1, "<=") and stat.reached(1, 1, ">=")
    assert not stat.reached(1.1, 1, "<=") and not stat.reached(0.9, 1, ">=")


def entry(name, value, goal=None, reached=None, spread=None):
    return {"name": name, "value": value, "unit": "ns", "goal": goal, "reached": reached, "spread": spread,
            "control": None}


def test_every_goal_has_its_own_name():
    """An entry is found by the beginning of its name."""
    names = [g.name for g in GOALS.values()]
    assert all(a == b or not a.startswith(b) for a in names for b in names)
    assert all(report.goal_of(g.name) == g for g in GOALS.values())


def test_table_and_charts():
    entries = [entry(GOALS["miss-1k"].name, 19.0, 20, True, [18.5, 22]), entry("clone: copies a second", 450000.0),
               entry(GOALS["forward-1k"].name, 0.5, 0.98, False)]
    assert "| 19 | ns | 18.5 to 22 | ≤ 20 | yes |" in report.table(entries)
    assert "| ≥ 0.98 | **no** |" in report.table(entries)
    pictures = report.charts(entries)
    assert {"goals.svg", "miss.svg", "copies.svg"} == set(pictures)
    for svg in pictures.values():
        xml.dom.minidom.parseString(svg)
    assert report.overview(entries)[1].value == pytest.approx(1.96)  # half of what is wanted: nearly twice the goal


def test_what_was_said_earlier_stays(tmp_path):
    (tmp_path / "RESULTS.md").write_text("# Results\nold table\n## Earlier\nkept\n")
    report.write([entry("anything", 1.0)], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.endswith("## Earlier\nkept\n") and "old table" not in text and "anything" in text


@pytest.mark.parametrize("numbers, log", [([1, 5, 9], False), ([3, 40000], True), ([0.2], True), ([7], False)])
def test_scale_holds_all_numbers(numbers, log):
    scale = chart.Scale(numbers, log)
    assert scale.ticks[0] <= min(numbers) and scale.ticks[-1] >= max(numbers) and 2 <= len(scale.ticks) <= 9
    x = [scale.x(n) for n in sorted(numbers)]
    assert x == sorted(x) and chart.LABEL <= x[0] and x[-1] <= chart.LABEL + chart.PLOT
