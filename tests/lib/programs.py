# SPDX-License-Identifier: BSD-2-Clause
"""Where the programs of the build are, and what all of them do alike."""

import os

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FLOWTAP_BIN", TREE + "/build")
PROGRAMS = {
    "dtcp": BIN + "/src/mediation/dtcp",
    "flowtap": BIN + "/src/flowtap/flowtap",
    "flowtap-collect": BIN + "/src/mediation/flowtap-collect",
    "flowtap-dtcp": BIN + "/src/flowtap-dtcp/flowtap-dtcp",
    "flowtapd": BIN + "/src/flowtapd/flowtapd",
}
