"""What was measured of some real models on a small machine, written by `benchmarks/transfer.py --record`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store import SqlStore, Store

HERE = "cpu-x86-avx512_bf16-2c"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Descriptions, studies and trials of real models."""

    descriptions: tuple[ModelDescription, ...]
    studies: tuple[Study, ...]
    trials: tuple[Trial, ...]

    def named(self, name: str) -> ModelDescription:
        """Return the description of a model by its name."""
        return next(each for each in self.descriptions if each.name == name)

    def save(self, store: Store, *, without: str | None = None) -> None:
        """Put everything into a store, but what is known of the model `without`."""
        left_out = self.named(without).model_fingerprint if without else None
        studies = [each for each in self.studies if each.model_fingerprint != left_out]
        store.save_studies(studies)
        store.add_trials(each for each in self.trials if each.model_fingerprint != left_out)
        for each in self.descriptions:
            if each.model_fingerprint != left_out:
                store.save_description(each)


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    read = json.loads((Path(__file__).parent / "data" / "recorded.json").read_text())
    return Recorded(
        descriptions=tuple(map(ModelDescription.model_validate, read["descriptions"])),
        studies=tuple(map(Study.model_validate, read["studies"])),
        trials=tuple(map(Trial.model_validate, read["trials"])),
    )


@pytest.fixture(scope="session")
def full_store(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with all of it, to be read alone."""
    with SqlStore(f"sqlite:///{tmp_path_factory.mktemp('full') / 'store.db'}") as store:
        recorded.save(store)
        yield store


@pytest.fixture(scope="session")
def store_without(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """Make a store in which there is nothing of one model, to be read alone."""
    made: dict[str, Store] = {}

    def make(name: str) -> Store:
        if name not in made:
            made[name] = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('without') / 'store.db'}")
            recorded.save(made[name], without=name)
        return made[name]

    yield make
    for store in made.values():
        store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with SqlStore(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened
