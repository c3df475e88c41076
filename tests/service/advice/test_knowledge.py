from typing import Any

from autoprec_service.advice import knowledge as module
from autoprec_service.advice.features import features
from autoprec_service.advice.knowledge import Knowledge
from autoprec_service.store import Store
from autoprec_service.testing.factories import make_study, make_trial


def fresh(recorded: Any, store: Store, *names: str) -> Knowledge:
    for name in names:
        store.save_description(recorded.named(name))
    found = Knowledge()
    found.refresh(store)
    return found


def test_near_models_come_the_nearest_first_and_without_the_model_itself(recorded: Any, store: Store) -> None:
    knowledge = fresh(recorded, store, "MLP of 1024", "MLP of 1536", "MLP of 768", "residual CNN")
    asked = recorded.named("MLP of 1024")
    near = knowledge.near(asked.model_fingerprint, features(asked), "train")
    assert ["MLP of 768", "MLP of 1536"] == [each.name for each in near]
    assert near[0].distance < near[1].distance


def test_models_of_another_mode_are_not_near(recorded: Any, store: Store) -> None:
    knowledge = fresh(recorded, store, "MLP of 1024")
    assert [] == knowledge.near("x", features(recorded.named("MLP of 1024")), "inference")


def test_without_figures_nothing_is_near(recorded: Any, store: Store) -> None:
    assert [] == fresh(recorded, store, "MLP of 1024").near("x", None, "train")


def test_what_is_measured_later_is_seen_after_a_refresh(recorded: Any, store: Store) -> None:
    knowledge = fresh(recorded, store, "MLP of 1024")
    name = recorded.named("MLP of 1024").model_fingerprint
    assert () == knowledge.outcomes(store, name, "train")
    store.save_study(make_study(model_fingerprint=name))
    store.add_trials([make_trial(model_fingerprint=name)])
    knowledge.refresh(store)
    assert 1 == len(knowledge.outcomes(store, name, "train"))


def test_who_is_far_behind_reads_everything_again(recorded: Any, store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_FAR_BEHIND", 0)
    test_what_is_measured_later_is_seen_after_a_refresh(recorded, store)


def test_models_that_were_only_described_are_found_when_they_are_looked_for(recorded: Any, store: Store) -> None:
    knowledge = fresh(recorded, store)
    store.save_description(recorded.named("MLP of 1024"))
    knowledge.look_for_new(store)
    assert [recorded.named("MLP of 1024").model_fingerprint] == knowledge.described("train")
