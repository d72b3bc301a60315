# SPDX-License-Identifier: BSD-2-Clause
"""Bar charts as SVG: bars with whiskers from least to most, and marks where the goals are."""

import collections
import math
from xml.sax.saxutils import escape

# value, low and high in one unit; goal may be None
Bar = collections.namedtuple("Bar", "label value low high goal reached")

STYLE = """
 text { font: 13px system-ui, sans-serif; fill: #24292f }
 .title { font-weight: 600; font-size: 15px } .note, .axis { fill: #57606a; font-size: 12px }
 .grid { stroke: #d0d7de; stroke-width: 1 } .bar { fill: #8c959f } .yes { fill: #2da44e } .no { fill: #cf222e }
 .whisker { stroke: #24292f; stroke-width: 1.5 } .goal { stroke: #0969da; stroke-width: 3 }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note, .axis { fill: #9198a1 } .grid { stroke: #3d444d } .bar { fill: #7d8590 }
  .yes { fill: #3fb950 } .no { fill: #f85149 } .whisker { stroke: #e6edf3 } .goal { stroke: #58a6ff }
 }
"""
ROW, BAR, LABEL, PLOT, NUMBER, TOP, BOTTOM = 26, 14, 380, 430, 90, 58, 34


def steps(most):
    """Round numbers from 0 to most or a little more, four to eight of them."""
    unit = 10 ** math.floor(math.log10(most))
    for part in (0.1, 0.2, 0.5, 1, 2):
        step = unit * part
        if most / step <= 7:
            break
    return [i * step for i in range(math.ceil(most / step - 1e-9) + 1)]


def decades(least, most):
    return [10.0 ** e for e in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]


class Scale:
    def __init__(self, numbers, log):
        numbers = [n for n in numbers if n is not None]
        self.log = log
        if log:
            self.ticks = decades(min(n for n in numbers if n > 0), max(numbers))
            if len(self.ticks) == 1:
                self.ticks.append(self.ticks[0] * 10)
        else:
            self.ticks = steps(max([*numbers, 1e-9]))

    def x(self, value):
        low, high = self.ticks[0], self.ticks[-1]
        if self.log:
            value, low, high = (math.log10(max(v, low)) for v in (value, low, high))
        share = (max(value, low) - low) / (high - low)
        return LABEL + PLOT * min(1.0, share)


def number(v):
    """Short, for an axis or the end of a bar."""
    if abs(v) >= 1e6:
        return f"{v / 1e6:.3g}M"
    if abs(v) >= 1e4:
        return f"{v / 1e3:.3g}k"
    return f"{v:.3g}"


def draw_bar(bar, scale, y):
    x0, x = scale.x(scale.ticks[0]), scale.x(bar.value)
    kind = "bar" if bar.reached is None else "yes" if bar.reached else "no"
    middle = y + BAR / 2
    out = [f'<text x="{LABEL - 8}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(bar.label)}</text>',
           f'<rect class="{kind}" x="{x0:.1f}" y="{y}" width="{max(1, x - x0):.1f}" height="{BAR}" rx="2"/>']
    if bar.low is not None:
        a, b = scale.x(bar.low), scale.x(bar.high)
        out += [f'<line class="whisker" x1="{p:.1f}" y1="{q}" x2="{r:.1f}" y2="{s}"/>' for p, q, r, s in (
            (a, middle, b, middle), (a, middle - 4, a, middle + 4), (b, middle - 4, b, middle + 4))]
    end = max(x, scale.x(bar.high) if bar.high is not None else x)
    if bar.goal is not None:
        g = scale.x(bar.goal)
        out.append(f'<line class="goal" x1="{g:.1f}" y1="{y - 4}" x2="{g:.1f}" y2="{y + BAR + 4}"/>')
        end = max(end, g)
    out.append(f'<text x="{end + 8:.1f}" y="{middle + 4.5:.1f}">{number(bar.value)}</text>')
    return out


def draw(title, note, bars, log=False):
    """The whole picture."""
    scale = Scale([n for b in bars for n in (b.value, b.low, b.high, b.goal)], log)
    width, height = LABEL + PLOT + NUMBER, TOP + ROW * len(bars) + BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           f'role="img" aria-label="{escape(title)}">', f"<style>{STYLE}</style>",
           f'<text class="title" x="12" y="22">{escape(title)}</text>',
           f'<text class="note" x="12" y="41">{escape(note)}</text>']
    for t in scale.ticks:
        x = scale.x(t)
        out.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM}"/>')
        out.append(f'<text class="axis" x="{x:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">{number(t)}</text>')
    for i, bar in enumerate(bars):
        out += draw_bar(bar, scale, TOP + ROW * i + (ROW - BAR) // 2 - 3)
    return "\n".join([*out, "</svg>", ""])
