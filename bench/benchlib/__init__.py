# SPDX-License-Identifier: BSD-2-Clause
"""What the suites of bench/run.py share."""
