# SPDX-License-Identifier: BSD-2-Clause
"""One module for each suite, with run(bench).  bench/README.md says what they measure."""
