"""What a script shall run in: what was asked for, or what `auto` stands for."""

from dataclasses import dataclass

from autoprec.arguments import chosen_device
from autoprec.client.address import Address
from autoprec.machine import this_machine
from autoprec_probe import HardwareProfile, canonical_precision
from autoprec_probe.candidate import Candidate
from autoprec_runner.errors import StudyError
from autoprec_runner.trial import Mode
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a script runs in, and what it rests on."""

    candidate: Candidate
    as_string: bool = False
    """Whether a precision was named; then its options and its strategy are the script's to say."""
    model_fingerprint: str | None = None
    mode: Mode | None = None
    because: str = ""
    """How `auto` came to it, in a few words."""

    @property
    def variable(self) -> str:
        """What the script finds in its environment."""
        return self.candidate.precision if self.as_string else self.candidate.model_dump_json()


def named(precision: str) -> Choice:
    """Return the choice of a precision by its name.

    Raises:
        UnknownPrecisionError: It is not a precision.
    """
    return Choice(candidate=Candidate(precision=canonical_precision(precision)), as_string=True)


def choice_of(answer: Recommendation, circumstances: str) -> Choice:
    """Return what an answer chose.

    Raises:
        StudyError: It recommends nothing.
    """
    if answer.candidate is None:
        raise StudyError(f"No precision can be recommended: {' '.join(answer.reasons)} Name one with --precision.")
    return Choice(
        candidate=answer.candidate,
        model_fingerprint=answer.model_fingerprint,
        mode=answer.mode,
        because=circumstances,
    )


def known(fingerprint: str, store: Store, address: Address | None) -> Choice:
    """Return what is known of a model on this machine: measured here, else what a service advises.

    Nothing is measured for it. An answer of the service that is not measured either is used all the same, because
    there is none better: `because` says what it rests on.

    Raises:
        StudyError: Nothing is known, or nothing can be recommended.
        ClientError: The service refuses to say, or does not answer.
    """
    profile = this_machine()
    key = profile.key_for(chosen_device("auto", profile))
    answer = _measured(fingerprint, key, store)
    if answer is not None:
        return choice_of(answer, f"measured here, confidence {answer.confidence:.2f}")
    if address is None:
        raise StudyError(
            f"Nothing was measured of the model {fingerprint!r} on {key}. Give --workload FILE.py:FACTORY to measure "
            "it now, or --url for a service that may know.",
        )
    advice = _advised(fingerprint, key, profile, address)
    return choice_of(advice, f"{advice.basis} by {address.url}, confidence {advice.confidence:.2f}")


def _measured(fingerprint: str, key: str, store: Store) -> Recommendation | None:
    """Return the answer of the latest complete study here, None where there is none that recommends something."""
    studies = store.studies(model_fingerprint=fingerprint, hardware_key=key, status="complete")
    for study in sorted(studies, key=lambda each: each.started_at, reverse=True):
        answer = recommend(store.trials(study_id=study.id), objective=study.objective, constraints=study.constraints)
        if answer.candidate is not None:
            return answer
    return None


def _advised(fingerprint: str, key: str, profile: HardwareProfile, address: Address) -> Recommendation:
    from autoprec.client.attempts import Patience  # noqa: PLC0415 (HTTP is loaded where a service is asked)
    from autoprec.client.blocking import Client  # noqa: PLC0415
    from autoprec_service.advice.question import Question  # noqa: PLC0415

    with Client(address.url, address.token, timeout=_TIMEOUT_SECONDS, patience=Patience(retries=1)) as client:
        return client.recommend(Question(model_fingerprint=fingerprint, profile=profile, hardware_key=key))
