# SPDX-License-Identifier: BSD-2-Clause
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from lab_fixtures import *  # noqa: E402,F401,F403
