# SPDX-License-Identifier: BSD-2-Clause
"""What a suite works with: comparisons, entries of results.json, progress."""

import random
import sys

from . import stat
from .goals import GOALS

TRIES = 3  # of a comparison whose control is off


class Skipped(Exception):
    """A part of a suite cannot run here; says why."""


class Variant:
    """What is compared.  on() before its run, off() after it; words go to bench_gen."""

    def __init__(self, name, on=None, off=None, after=None, **words):
        self.name, self.words = name, words
        self.on, self.off = on or (lambda: None), off or (lambda: None)
        self.after = after  # reads more, into the reading, while it is still on

    def measure(self, run, **words):
        self.on()
        try:
            reading = run(**{**words, **self.words})
            if self.after:
                self.after(reading)
            return reading
        finally:
            self.off()


class Comparison:
    """Samples of all variants, and the control's median."""

    def __init__(self, samples, control, key):
        self.samples, self.control, self.key = samples, control, key

    def __contains__(self, name):
        return name in self.samples

    def ratios(self, name):
        return stat.ratios(self.samples[name], self.key)

    def extras(self, name):
        return stat.extras(self.samples[name], self.key)

    def values(self, name, key):
        return stat.values(self.samples[name], key)


def steal():
    """Clock ticks that the hypervisor took from this machine."""
    with open("/proc/stat") as f:
        return int(f.readline().split()[8])


class Bench:
    def __init__(self, opts, lab=None, gen=None):
        self.opts, self.lab, self.gen = opts, lab, gen
        self.entries, self.suite = [], ""
        self.accounts = self.wrong = 0  # of runs, and those whose account did not close
        self.rng = random.Random(opts.seed)

    # ---- what is printed ----

    def say(self, text):
        print(f"{self.suite + ': ' if self.suite else ''}{text}", file=sys.stderr, flush=True)

    def skip(self, name, why):
        self.say(f"{name}: skipped: {why}")

    def entry(self, name, value, unit, spread=None, control=None, goal=None, sense=None):
        e = {"name": name, "value": rounded(value), "unit": unit, "goal": goal,
             "reached": None if goal is None else stat.reached(value, goal, sense),
             "spread": spread and [rounded(x) for x in spread], "control": control and round(control, 3)}
        self.entries.append(e)
        end = "" if goal is None else f"  goal {sense} {goal:g}: {'reached' if e['reached'] else 'NOT reached'}"
        low_high = f" [{e['spread'][0]:g} to {e['spread'][1]:g}]" if spread else ""
        self.say(f"{name}: {e['value']:g} {unit}{low_high}{end}")
        return e

    def told(self, key, numbers, control=None, pick=None):
        """The entry of a goal, from one number a round; pick: which of (median, low, high) is judged."""
        g, s = GOALS[key], stat.summary(numbers)
        value = getattr(s, pick or "median")
        return self.entry(g.name, value, g.unit, (s.low, s.high), control, g.goal, g.sense)

    def info(self, name, unit, numbers, control=None):
        s = stat.summary(numbers)
        return self.entry(name, s.median, unit, (s.low, s.high), control)

    # ---- the account ----

    def close_account(self, what, before, now, copies):
        """copies = matches - counted losses, exactly; what differs is told, and counts in the entry "exact".
        before, now: bench_tap's counters; copies: what came to the mediation device (None: in pieces, of
        which some may have come without the others).  What was lost."""
        d = {k: now[k] - before[k] for k in now}
        lost = d["lost"] + d["queue"]
        self.accounts += 1
        if not d["due"] - lost == d["sent"] == (d["sent"] if copies is None else copies):
            self.wrong += 1
            self.say(f"{what}: THE ACCOUNT IS WRONG: {d}, {copies} copies arrived")
        return lost

    def told_account(self):
        if self.accounts:
            g = GOALS["exact"]
            self.entry(f"{g.name}, wrong of {self.accounts}", self.wrong, g.unit, goal=g.goal, sense=g.sense)

    # ---- choosing ----

    def wanted(self, *names):
        """--only names parts of suites; without it, all."""
        return not self.opts.only or any(n in self.opts.only for n in names)

    def rounds(self, usual, quick=None):
        return self.opts.rounds or (quick or max(3, usual // 3) if self.opts.quick else usual)

    # ---- comparing ----

    def round(self, variants, base, run, words):
        plan = stat.schedule([stat.CONTROL, *variants], self.rng)
        of = {**variants, stat.CONTROL: base, None: base}
        return stat.pair(plan, [of[name].measure(run, **words) for name in plan])

    def attempt(self, what, variants, base, key, rounds, run, words):
        samples = {name: [] for name in [stat.CONTROL, *variants]}
        before = steal()
        base.measure(run, **words)  # the first run after a pause is another
        for n in range(rounds):
            for name, sample in self.round(variants, base, run, words).items():
                samples[name].append(sample)
            self.say(f"{what}: round {n + 1} of {rounds}: " + ", ".join(
                f"{name} {s[-1].value[key]:.1f}" for name, s in samples.items())
                + f" (baseline {stat.base_of(samples[stat.CONTROL][-1], key):.1f})")
        control = stat.summary(stat.ratios(samples[stat.CONTROL], key))
        self.say(f"{what}: control {control.median:.3f} [{control.low:.3f} to {control.high:.3f}], "
                 f"steal {steal() - before} ticks")
        return Comparison(samples, control.median, key)

    def compare(self, what, variants, base=None, key="ns", rounds=9, run=None, **words):
        """Interleaved runs of {name: Variant}; key: which time of a reading is compared; run: bench_gen's."""
        base, run = base or Variant("no tap"), run or self.gen.run
        tries = TRIES - 1 if self.opts.quick else TRIES
        for n in range(tries):
            c = self.attempt(what, variants, base, key, rounds, run, words)
            if stat.is_sound(c.control):
                return c
            self.say(f"{what}: the control is off" + (", again" if n + 1 < tries else ": THESE FIGURES ARE NOT SOUND"))
        return c

    def noop(self):
        """The baseline of bpf_stats: a program that does nothing, in the same place."""
        return Variant("no-op", lambda: self.gen.ask("hook", "noop"), lambda: self.gen.ask("hook", "none"), stats=1)


def rounded(x):
    """Four digits are more than any of this is worth."""
    return float(f"{x:.4g}") if abs(x) < 1e6 else round(x)
