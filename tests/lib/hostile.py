# SPDX-License-Identifier: BSD-2-Clause
"""Text that somebody else chose, at its worst, and what no output may have of it."""

import re

# Overwrites what is before it, names the window, forges a line of the record, hides what follows.
FORGED = "      7  2026-01-01T00:00:00.000Z  warrant-approved  agency lea1"
TEXT = "W\b\b\b\x1b]0;owned\x07\r\n" + FORGED + "\n\x1b[8m\x7f\x9b31m\x85\u2028\u202edne"
# What looks like the blanks that part fields, or like nothing; the first also as the byte it is in Latin-1.
TEXT += "\xa0\xa0uid\xa00\u2003\u3000\u2800\u3164\ufe0f"
# The same without what begins a line: of a field that is one line already.
LINE = TEXT.replace("\r\n", "").replace("\n", "")
BYTES = TEXT.encode() + b"\x9b31m\xc0\x80\xff\xa0\xa0"

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]"
                     rb"|\xc2\xa0|\xe2\x80\x83|\xe3\x80\x80|\xe2\xa0\x80|\xe3\x85\xa4|\xef\xb8\x8f")


def harmless(out, what=""):
    """No byte of it does anything to a terminal, all of it is text, and no line is another's."""
    if isinstance(out, str):
        out = out.encode()
    found = CONTROL.search(out)
    assert not found, f"{what}: {out[max(0, found.start() - 60):found.end() + 40]!r}"
    lines = out.decode().split("\n")
    forged = [x for x in lines if re.match(r"\s{0,7}\d+\s+2026-01-01T\S+\s+warrant-approved", x)]
    assert not forged, f"{what}: {forged}"


def made(value):
    """The same structure, all strings in it hostile."""
    if isinstance(value, dict):
        return {k: made(v) for k, v in value.items()}
    if isinstance(value, list):
        return [made(v) for v in value]
    return TEXT if isinstance(value, str) else value
