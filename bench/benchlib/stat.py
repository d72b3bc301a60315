# SPDX-License-Identifier: BSD-2-Clause
"""Interleaved comparisons: pure functions, no measuring.

In a round every variant is run once, in shuffled order, and the baseline before, between and
after them.  What a variant did is compared with the mean of the two baseline runs beside it, so
that a change of the machine's speed meets both.  One variant, the control, is the baseline under
another name: how far its ratio is from 1 says how far ratios can be trusted.
"""

import collections
import statistics

CONTROL = "control"
CONTROL_LOW, CONTROL_HIGH = 0.97, 1.03

# What was read in one run, and in the baseline runs before and after it.
Sample = collections.namedtuple("Sample", "before value after")
Summary = collections.namedtuple("Summary", "median low high")


def schedule(names, rng):
    """One round: the names in shuffled order, None (the baseline) before, between and after them."""
    order = list(names)
    rng.shuffle(order)
    plan = [None]
    for name in order:
        plan += [name, None]
    return plan


def pair(plan, readings):
    """{name: Sample} of one round's readings, which are in the order of the plan."""
    return {name: Sample(readings[i - 1], readings[i], readings[i + 1])
            for i, name in enumerate(plan) if name is not None}


def base_of(sample, key):
    return (sample.before[key] + sample.after[key]) / 2


def ratios(samples, key):
    """How much faster the baseline was: key is a time, 1.0 means the same, 0.5 that the variant took twice as long."""
    return [base_of(s, key) / s.value[key] for s in samples]


def extras(samples, key):
    """What the variant took more than the baseline."""
    return [s.value[key] - base_of(s, key) for s in samples]


def values(samples, key):
    return [s.value[key] for s in samples]


def quotients(above, below):
    """Of two variants' values in the same rounds; a round whose divisor is nothing counts for nothing."""
    return [a / b for a, b in zip(above, below) if b > 0]


def summary(numbers):
    if not numbers:
        raise ValueError("nothing was measured")
    return Summary(statistics.median(numbers), min(numbers), max(numbers))


def is_sound(control):
    """Whether the control's median allows to believe the run."""
    return CONTROL_LOW <= control <= CONTROL_HIGH


def reached(value, goal, sense):
    """sense: "<=" or ">="."""
    return value <= goal if sense == "<=" else value >= goal


def percentile(ordered, p):
    """Of a sorted list, by nearest rank; p from 0 to 100."""
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[min(len(ordered) - 1, max(0, round(p / 100 * len(ordered) + 0.5) - 1))]
