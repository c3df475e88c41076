"""The hardware that a question is about."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from autoprec_probe.candidate import Device
from autoprec_probe.profile import HardwareProfile
from autoprec_service.advice.hardware import distance_of_keys, features_of_key, hardware_distance, hardware_features
from autoprec_service.advice.machines import KnownMachine, keys_of, machine_by_key, machine_of
from autoprec_service.advice.question import Question
from autoprec_service.advice.staleness import versions_of
from autoprec_service.errors import UnknownHardwareError
from autoprec_service.fleet import Node
from autoprec_service.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """One kind of hardware, with the software on it where that is known."""

    machine: KnownMachine

    @property
    def key(self) -> str:
        """Its hardware key."""
        return self.machine.key

    @property
    def device(self) -> Device:
        """What PyTorch calls such a device."""
        return self.machine.device

    @cached_property
    def versions(self) -> dict[str, str | None] | None:
        """The software that counts; None where only a key was given."""
        profile = self.machine.profile
        return versions_of(profile) if self.machine.is_itself and profile is not None else None

    @cached_property
    def memory_bytes(self) -> int | None:
        """What a workload has there."""
        profile = self.machine.profile
        if profile is None:
            return None
        if self.device == "cpu":
            return profile.cpu.memory_limit_bytes or profile.cpu.memory_total_bytes
        readable = (each for each in profile.accelerators if each.kind == self.device and each.error is None)
        device = next(readable, None)
        return device.workload_memory_bytes if device else None

    @property
    def is_catalogued(self) -> bool:
        """Whether its key alone tells how near it is to other hardware."""
        return features_of_key(self.key) is not None or self.machine.profile is None

    @cached_property
    def apart(self) -> Callable[[str], float]:
        """How far the hardware of a key is from this one."""
        own = None if self.is_catalogued else hardware_features(self.machine)
        if own is None:
            return lambda key: distance_of_keys(self.key, key)

        def from_profile(key: str) -> float:
            other = features_of_key(key)
            if key == self.key:
                return 0.0
            return math.inf if other is None else hardware_distance(own, other)

        return from_profile


def target_of(store: Store, question: Question) -> Target:
    """Return the hardware that a question names.

    Raises:
        UnknownHardwareError: No such node has told what it is, or it has no device with the key.
    """
    profile = question.profile
    if question.node is not None:
        profile = _reported(store.node(question.node), question)
    if profile is None:
        assert question.hardware_key is not None, "a question about everything has no single target"
        return Target(machine=machine_by_key(question.hardware_key))
    return Target(machine=machine_of(profile, question.hardware_key or profile.key))


def _reported(node: Node | None, question: Question) -> HardwareProfile:
    if node is None or node.profile is None:
        what = "No agent has reported" if node is None else "No report has told the hardware of"
        raise UnknownHardwareError(f"{what} a node {question.node!r}. GET /nodes lists those that did.")
    key = question.hardware_key
    if key is not None and key not in (known := keys_of(node.profile)):
        raise UnknownHardwareError(f"The node {question.node!r} has no device {key!r}. It has: {', '.join(known)}.")
    return node.profile
