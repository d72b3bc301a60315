# SPDX-License-Identifier: BSD-2-Clause
"""results.json, a table for people, and charts."""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess

from . import chart
from .goals import GOALS

EARLIER = "## Earlier"


def machine():
    """What the figures were taken on."""
    def first(path, pattern):
        m = re.search(pattern, pathlib.Path(path).read_text(), re.M)
        return m.group(1) if m else "unknown"

    def said(*argv):
        return subprocess.run(argv, capture_output=True, text=True).stdout.split("\n")[0] or "unknown"

    return [("date", datetime.date.today().isoformat()),
            ("commit", said("git", "-C", os.path.dirname(__file__), "describe", "--always", "--dirty")),
            ("cpu", f"{first('/proc/cpuinfo', r'^model name.*: (.*)')}, {os.cpu_count()} CPUs"),
            ("memory", f"{int(first('/proc/meminfo', r'MemTotal: *([0-9]+)')) / 1048576:.1f} GiB"),
            ("kernel", platform.release()),
            ("clang", said("clang", "--version")), ("gcc", said("gcc", "-dumpfullversion"))]


def goal_of(name):
    """The row of the table that an entry's name begins with; None: it is for information."""
    for g in GOALS.values():
        if name.startswith(g.name):
            return g
    return None


def cell(x):
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 10000 else f"{x:g}"


def row(e):
    spread = f"{cell(e['spread'][0])} to {cell(e['spread'][1])}" if e["spread"] else ""
    g = goal_of(e["name"])
    goal = "" if e["goal"] is None else f"{ {'<=': '≤', '>=': '≥'}[g.sense] if g else '≤' } {cell(e['goal'])}"
    if g and g.stretch is not None:
        goal += f" ({cell(g.stretch)})"
    reached = "" if e["reached"] is None else "yes" if e["reached"] else "**no**"
    return f"| {e['name']} | {cell(e['value'])} | {e['unit']} | {spread} | {goal} | {reached} | {cell(e['control'])} |"


HEAD = "| what | value | unit | least to most | goal (stretch) | reached | control |\n|---|---|---|---|---|---|---|"


def table(entries):
    return "\n".join([HEAD, *(row(e) for e in entries)])


# ---- charts ----

def bar(e, label=None):
    low, high = e["spread"] or (None, None)
    return chart.Bar(label or e["name"], e["value"], low, high, e["goal"], e["reached"])


def shorter(entries, pattern):
    """Bars of the entries whose name matches; the label is what the pattern's group holds."""
    return [bar(e, m.group(1)) for e in entries if (m := re.fullmatch(pattern, e["name"]))]


def overview(entries):
    """All goals on one scale: 1 is the goal, less is better."""
    bars = []
    for e in entries:
        g = goal_of(e["name"])
        if e["goal"] and g:
            turn = (lambda v: max(v, 1e-9) / e["goal"]) if g.sense == "<=" else (lambda v: e["goal"] / max(v, 1e-9))
            low, high = sorted(map(turn, e["spread"])) if e["spread"] else (None, None)
            floor = lambda v: None if v is None else max(v, 0.05)  # noqa: E731
            bars.append(chart.Bar(e["name"], floor(turn(e["value"])), floor(low), floor(high), 1, e["reached"]))
    return bars


def charts(entries):
    """{file name: SVG}"""
    made = {
        "goals": ("How near the goals are", "value over goal (goal over value where more is better); the line is the "
                  "goal, shorter is better", overview(entries), True),
        "miss": ("A packet that nobody asked for",
                 "nanoseconds over a no-op hook; whiskers: least and most, line: goal",
                 shorter(entries, r"miss, (.*), over a no-op hook"), False),
        "peers-1k": ("A packet that nobody asked for, 1,000 filters", "nanoseconds, logarithmic",
                     shorter(entries, r"(tap), 1k filters of several fields, over a no-op hook")
                     + shorter(entries, r"(.*), 1k filters: extra time of a miss"), True),
        "peers-10k": ("A packet that nobody asked for, 10,000 filters", "nanoseconds, logarithmic",
                      shorter(entries, r"(tap), 10k filters of several fields, over a no-op hook")
                      + shorter(entries, r"(.*), 10k filters: extra time of a miss"), True),
        "copies": ("Copies a second, 64 bytes, one core forwarding and copying",
                   "clone: no match and no outer header, the floor of every tap",
                   shorter(entries, r"(?!tcpdump)(.*): copies a second"), False),
        "latency": ("How much later the target's packets come back",
                    "nanoseconds there and back, both ways tapped, median",
                    shorter(entries, r"latency, (.*): p50 there and back, more than no tap"), False),
    }
    return {f"{name}.svg": chart.draw(*parts) for name, parts in made.items() if parts[2]}


# ---- files ----

def text(entries, pictures):
    goals = [e for e in entries if e["goal"] is not None]
    others = [e for e in entries if e["goal"] is None]
    said = "\n".join(f"    {k + ':':<8}{v}" for k, v in machine())
    alt = "\n".join(f"![{name[:-4]}]({name})" for name in pictures)
    return (f"# Results\n\nWritten by `bench/run.py --record`; README.md says how to read it.\n\n{said}\n\n"
            f"{table(goals)}\n\n{alt}\n\n<details><summary>Everything else that was measured</summary>\n\n"
            f"{table(others)}\n\n</details>\n\n")


def write(entries, folder):
    """results.json, RESULTS.md and the charts; what RESULTS.md said of earlier times stays."""
    os.makedirs(folder, exist_ok=True)
    path, pictures = pathlib.Path(folder), charts(entries)
    for name, svg in pictures.items():
        (path / name).write_text(svg)
    old = (path / "RESULTS.md").read_text() if (path / "RESULTS.md").exists() else ""
    earlier = old[old.index(EARLIER):] if EARLIER in old else ""
    (path / "RESULTS.md").write_text(text(entries, pictures) + earlier)


def write_json(entries, folder):
    with open(f"{folder}/results.json", "w") as f:
        json.dump(entries, f, indent=1)
        f.write("\n")
