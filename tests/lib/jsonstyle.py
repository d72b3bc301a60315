# SPDX-License-Identifier: BSD-2-Clause
"""What programs print as JSON: all of it is, and names are in one style."""

import json
import re
import subprocess

NAME = re.compile(r"@?[a-z0-9]+(-[a-z0-9]+)*|@")
# Their members' names are not ours: interfaces, statements of the configuration.
FREE = {"configuration"}
# Of the record's lines, which are evidence: they stay as they are.
OLD = {"uncertainty_us"}
# Of ip(8), whose answers are passed on.
OLD |= {"addr_info", "link_index", "link_netnsid", "link_type", "preferred_life_time", "valid_life_time"}
ARGUMENTS = {"FILE": "-", "LINE": "1", "AGENCY": "lea1", "REFERENCE": "W-JSON", "N": "1", "NUMBER": "1", "SECONDS": "1",
             "PATH": "services", "HOST": "127.0.0.1", "PATTERN": "a", "TEXT": "text", "NAME": "lo", "INTERFACE": "lo",
             "TABLE": "main", "FROM": "127.0.0.1", "COUNT": "1", "BYTES": "10",
             "FINGERPRINT": "0123-4567-89ab-cdef", "LINE:HASH": "1:" + "00" * 32, "SIGNATURE": "/dev/null",
             "COMMAND": "show version", "WHICH": "--check 0", "WORD": "version", "TOPIC": "services"}
# What a command with options of its own needs.
OPTIONS = {"audit verify": ["-k", "00" * 32, "-"], "commit": ["--check", "-"]}


def number(text):
    """Of no more digits than anything of ours is measured to."""
    assert len(text.split("e")[0].translate(str.maketrans("", "", "-."))) <= 12, f"digits of nothing: {text}"
    return float(text)


def values(text):
    """All JSON values in the text, which has nothing else; their names and numbers are checked."""
    found, at, decoder = [], 0, json.JSONDecoder(parse_float=number)
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        names_check(value)
        found.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def names_check(value):
    if isinstance(value, dict):
        for name, member in value.items():
            assert NAME.fullmatch(name) or name in OLD, f"a name in another style: {name}"
            if name not in FREE:
                names_check(member)
    elif isinstance(value, list):
        for member in value:
            names_check(member)


def syntaxes(flowtap):
    """Every command that may be given as arguments, as the program's table has it."""
    out = subprocess.run([flowtap, "--help"], capture_output=True, text=True, check=True).stdout
    lines = out[out.index("Commands:\n") + 10:out.index("and | with")].splitlines()
    assert len(lines) > 20
    return [line.strip() for line in lines]


def commands(flowtap):
    """One command line for each: every argument is there, and of alternatives the first."""
    made = []
    for syntax in syntaxes(flowtap):
        plain = re.sub(r"\(([^|()]*)\|[^()]*\)", r"\1", syntax).translate(str.maketrans("", "", "[]()"))
        words = []
        for word in plain.split():
            if word == "OPTIONS":
                words += OPTIONS[" ".join(words)]
            else:
                words += ARGUMENTS[word].split() if word.isupper() else [word]
        made.append(words)
    return made
