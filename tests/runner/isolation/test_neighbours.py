import os

import psutil

from autoprec_runner.isolation.neighbours import NOTABLE_CORES, busy_cores, waiting_policy


def test_busy_cores_are_a_share_of_those_there_are() -> None:
    assert 0 <= busy_cores() <= (psutil.cpu_count() or 1)


def test_trials_wait_passively_beside_neighbours() -> None:
    assert {"OMP_WAIT_POLICY": "passive"} == waiting_policy({}, NOTABLE_CORES)


def test_on_idle_cores_nothing_is_changed() -> None:
    assert {} == waiting_policy(os.environ, 0.0)


def test_what_the_user_chose_stays() -> None:
    assert {} == waiting_policy({"GOMP_SPINCOUNT": "1000"}, 2.0)
    assert {} == waiting_policy({"OMP_WAIT_POLICY": "active"}, 2.0)
