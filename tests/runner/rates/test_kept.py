"""Rates that stay between calls."""

from pathlib import Path

import pytest

from autoprec_probe import HardwareProfile, Software
from autoprec_probe.profile import Cpu, MeasuredRate
from autoprec_runner.rates.kept import KeptRates, RateRecord, kept_record, record_of, with_kept_rates

PROFILE = HardwareProfile(
    system="Linux",
    cpu=Cpu(architecture="x86_64", usable_cores=4),
    software=Software(python="3.12", packages={"torch": "2.13.0+cpu"}),
)
RATES = (MeasuredRate(device="cpu", operation="matmul", dtype="float32", tflops=0.1),)


@pytest.fixture
def kept(tmp_path: Path) -> KeptRates:
    return KeptRates(tmp_path / "rates")


@pytest.fixture
def record(kept: KeptRates) -> RateRecord:
    record = record_of(PROFILE, "cpu", RATES, busy_cores=0.0, environment={})
    kept.save(record)
    return record


def test_a_profile_gets_the_rates_that_were_kept_of_it(kept: KeptRates, record: RateRecord) -> None:
    assert RATES == record.rates == with_kept_rates(PROFILE, kept, {}).measured


def test_nothing_is_known_of_a_machine_that_was_not_measured(kept: KeptRates) -> None:
    assert (None, ()) == (kept_record(PROFILE, "cpu", kept, {}), with_kept_rates(PROFILE, kept, {}).measured)


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(
    ("torch", "cores", "environment"),
    [("2.14.0", 4, {}), ("2.13.0+cpu", 8, {}), ("2.13.0+cpu", 4, {"OMP_NUM_THREADS": "1"})],
)
def test_other_circumstances_have_rates_of_their_own(
    kept: KeptRates, torch: str, cores: int, environment: dict[str, str]
) -> None:
    other = PROFILE.model_copy(
        update={
            "cpu": PROFILE.cpu.model_copy(update={"usable_cores": cores}),
            "software": Software(python="3.12", packages={"torch": torch}),
        }
    )
    assert () == with_kept_rates(other, kept, environment).measured


def test_nothing_rests_on_rates_that_were_disturbed(kept: KeptRates, record: RateRecord) -> None:
    disturbed = record.model_copy(update={"busy_cores": 1.2, "rates": ()})
    kept.save(disturbed)
    assert record == kept_record(PROFILE, "cpu", kept, {})
    alone = record_of(PROFILE, "cpu", RATES, busy_cores=1.2, environment={"OMP_NUM_THREADS": "3"})
    kept.save(alone)
    assert alone == kept_record(PROFILE, "cpu", kept, {"OMP_NUM_THREADS": "3"})
    assert () == with_kept_rates(PROFILE, kept, {"OMP_NUM_THREADS": "3"}).measured


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}', "\udc80"])
def test_a_file_that_cannot_be_read_is_none(kept: KeptRates, record: RateRecord, text: str) -> None:
    kept.save(record).write_bytes(text.encode(errors="surrogateescape"))
    assert () == with_kept_rates(PROFILE, kept, {}).measured


def test_a_record_of_another_format_is_not_taken_for_this_one(kept: KeptRates, record: RateRecord) -> None:
    kept.save(record.model_copy(update={"format": 0}))
    assert () == with_kept_rates(PROFILE, kept, {}).measured


def test_a_newer_record_replaces_the_older_and_leaves_nothing_behind(kept: KeptRates, record: RateRecord) -> None:
    path = kept.save(record.model_copy(update={"rates": ()}))
    assert ([path], ()) == (list(path.parent.iterdir()), with_kept_rates(PROFILE, kept, {}).measured)
