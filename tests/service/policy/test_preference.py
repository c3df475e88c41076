from autoprec_runner.study import Constraints
from autoprec_service.policy import preference
from autoprec_service.testing import make_trial


def test_verification_follows_the_order_in_which_the_policy_would_recommend() -> None:
    trials = [
        make_trial(seconds=1.0, phase="race", verdict=None),
        make_trial("16-mixed", seconds=0.5, phase="race", verdict=None),
        make_trial("bf16-mixed", seconds=0.505, phase="race", verdict=None),
        make_trial("16-true", status="oom"),
        make_trial("64-true", seconds=0.1, phase="race", verdict=None),
    ]
    order = preference(trials, "throughput", Constraints())
    assert ["bf16-mixed", "16-mixed", "32-true", "64-true"] == [each.precision for each in order]
