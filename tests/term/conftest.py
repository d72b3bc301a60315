# SPDX-License-Identifier: BSD-2-Clause
"""Programs as they come out of the build, on terminals and without; no lab, no root."""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
