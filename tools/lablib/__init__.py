# SPDX-License-Identifier: BSD-2-Clause
"""What tools/lab, tools/demo and tests/netns share.  Standard library only."""
