# SPDX-License-Identifier: BSD-2-Clause
"""The same promises on clsact, as kernels without tcx need it; its larger privilege is checked too."""

import pytest
import rig as rigs
import test_burst
import test_end_to_end
import test_lifecycle
import test_privilege
import test_selftest

CAP_NET_ADMIN = 12


@pytest.fixture(scope="module")
def the_rig():
    rig = rigs.Rig(rigs.lab_name("clsact"), "--attach", "clsact")
    yield rig
    rig.down()


def test_it_is_clsact(rig):
    assert rig.show()["attach"] == "clsact"


@pytest.mark.parametrize("version", (4, 6))
def test_first_packet(rig, version):
    test_end_to_end.test_first_packet_after_the_answer_is_copied(rig, version)


@pytest.mark.parametrize("inner,out", test_end_to_end.COMBINATIONS)
def test_both_directions_exact(rig, wire_sized, inner, out):
    test_end_to_end.test_both_directions_exact(rig, wire_sized, inner, out)


def test_segment_trains(rig):
    test_end_to_end.test_segment_trains_leave_as_they_were_on_the_wire(rig, 4)


def test_fragments(rig):
    test_end_to_end.test_fragments_follow_their_first(rig)


def test_burst_is_counted(rig):
    test_burst.test_burst_of_256_with_4_copies_each(rig)


@pytest.mark.parametrize("role", ["parent", "engine", "dataplane"])
def test_kill_during_traffic(rig, role):
    test_lifecycle.test_kill_during_traffic(rig, role)


def test_privileges(rig):
    """The dataplane keeps CAP_NET_ADMIN and nothing else; the others have none."""
    for role in "parent", "engine", "dataplane":
        st = test_privilege.status(rig.processes()[role][0])
        assert int(st["CapEff"], 16) == (1 << CAP_NET_ADMIN if role == "dataplane" else 0)
        assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2")


def test_selftest_works(rig):
    test_selftest.test_works(rig)


@pytest.mark.parametrize("broken", [test_selftest.test_stage_device_down, test_selftest.test_no_route])
def test_selftest_names_the_broken_link(rig, broken):
    broken(rig)
