"""The identity of a model's structure: equal for equal structure, different for everything else."""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as everybody calls it)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from autoprec_runner.fingerprint import model_fingerprint

HERE = Path(__file__).parent
sys.path.append(str(HERE / "fingerprints"))  # another process builds the same architectures

from architectures import ACTIVATIONS, ATTENTIONS, BLOCKS, DTYPES, Description, build, to_json

SCALE = 2.0

MODELS_FILE = '''
"""{comment}"""
import torch
from torch import nn
{blank}
SCALE = {scale}
FLAVOURS = {{"b", "a", "c"}}

def helper(x):
    return x * SCALE

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.options = {{"x": 1, "flavours": set(FLAVOURS)}}

    def forward(self, x):
        return self.inner(x) if "a" in {{"a", "b"}} else x

    def inner(self, x):
        return helper(self.layer(x))

def make():
    return nn.Sequential(Block(), nn.TransformerEncoderLayer(4, 2, 8))
'''


class Net(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor] = F.relu, factor: Any = 1.0) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 3)
        self.act, self.factor = act, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.act(self.first(x)))  # type: ignore[no-any-return]


class Residual(Net):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.act(self.first(x)))  # type: ignore[no-any-return]


@dataclass
class Config:
    heads: int = 2
    path: str = ""


def _tied() -> nn.Module:
    net = Net()
    net.second = net.first
    return net


def _tied_weight(*, tied: bool) -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    if tied:
        net[1].weight = net[0].weight
    return net


def _frozen() -> nn.Module:
    net = Net()
    net.first.requires_grad_(requires_grad=False)
    return net


def _with_buffer(size: int) -> nn.Module:
    net = Net()
    net.register_buffer("mask", torch.zeros(size))
    return net


def _with_hook() -> nn.Module:
    net = Net()
    net.first.register_forward_hook(lambda _, __, output: output * 2)
    return net


def _with_backward_hook() -> nn.Module:
    net = Net()
    net.first.register_full_backward_hook(lambda _, __, ___: None)
    return net


def _patched() -> nn.Module:
    net = Net()
    net.forward = lambda x: x  # type: ignore[method-assign]
    return net


def _encoder(**options: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, **options)


STRUCTURES: dict[str, Callable[[], nn.Module]] = {
    "net": Net,
    "same layers, other class and forward": Residual,
    "another activation": lambda: Net(F.gelu),
    "another activation with options": lambda: Net(partial(F.gelu, approximate="tanh")),
    "other options of the activation": lambda: Net(partial(F.gelu, approximate="none")),
    "a lambda for an activation": lambda: Net(lambda x: x * 2),
    "another lambda": lambda: Net(lambda x: x * 3),
    "another number": lambda: Net(factor=2.0),
    "an integer for a number": lambda: Net(factor=1),
    "text for a number": lambda: Net(factor="1.0"),
    "a configuration": lambda: Net(factor=Config()),
    "another configuration": lambda: Net(factor=Config(heads=4)),
    "shared module": _tied,
    "double": lambda: Net().double(),
    "frozen": _frozen,
    "buffer": lambda: _with_buffer(3),
    "another buffer": lambda: _with_buffer(4),
    "hook": _with_hook,
    "patched forward": _patched,
    "hook of the backward": _with_backward_hook,
    "untied": lambda: _tied_weight(tied=False),
    "tied": lambda: _tied_weight(tied=True),
    "linear": lambda: nn.Linear(3, 4),
    "no bias": lambda: nn.Linear(3, 4, bias=False),
    "sequence": lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU()),
    "another order": lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 3)),
    "another module": lambda: nn.Sequential(nn.Linear(3, 3), nn.GELU()),
    "the module's option": lambda: nn.Sequential(nn.Linear(3, 3), nn.GELU("tanh")),
    "dictionary": lambda: nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.ReLU()}),
    "another name": lambda: nn.ModuleDict({"a": nn.Linear(3, 3), "c": nn.ReLU()}),
    "dropout": lambda: nn.Dropout(0.1),
    "more dropout": lambda: nn.Dropout(0.2),
    "convolution": lambda: nn.Conv2d(2, 2, 3),
    "stride": lambda: nn.Conv2d(2, 2, 3, stride=2),
    "encoder": _encoder,
    "encoder, norm first": lambda: _encoder(norm_first=True),
    "encoder, batch first": lambda: _encoder(batch_first=True),
    "encoder, gelu": lambda: _encoder(activation="gelu"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_has_one_fingerprint_whatever_its_weights(name: str) -> None:
    first, second = STRUCTURES[name](), STRUCTURES[name]()
    assert model_fingerprint(first) == model_fingerprint(second)
    assert model_fingerprint(first) == model_fingerprint(copy.deepcopy(first))
    assert model_fingerprint(first) == model_fingerprint(first.eval())


def test_different_structures_have_different_fingerprints() -> None:
    fingerprints = {name: model_fingerprint(make()) for name, make in STRUCTURES.items()}
    assert len(STRUCTURES) == len(set(fingerprints.values()))


def test_the_device_does_not_count() -> None:
    assert model_fingerprint(Net()) == model_fingerprint(Net().to("meta"))


def test_training_steps_do_not_count() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = model_fingerprint(model)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    assert before == model_fingerprint(model)


def test_a_path_in_the_settings_does_not_count() -> None:
    first, second = Net(factor=Config(path="/home/one/run")), Net(factor=Config(path="/srv/two"))
    assert model_fingerprint(first) == model_fingerprint(second)


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert model_fingerprint(Net(factor=loop)) != model_fingerprint(Net(factor=[1]))


def test_the_fingerprint_is_short_and_hexadecimal() -> None:
    fingerprint = model_fingerprint(Net())
    assert 16 == len(fingerprint)
    assert int(fingerprint, 16) > 0


def _in_another_process(folder: Path, hash_seed: int, **changes: str) -> str:
    folder.mkdir(parents=True)
    text = {"comment": "One.", "blank": "", "scale": "2.0", **changes}
    (folder / "models.py").write_text(MODELS_FILE.format(**text))
    program = "from autoprec_runner.fingerprint import model_fingerprint as f; import models; print(f(models.make()))"
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_processes_agree_whatever_the_hash_seed_the_folder_and_the_line_numbers(tmp_path: Path) -> None:
    first = _in_another_process(tmp_path / "one", 1)
    assert first == _in_another_process(tmp_path / "two" / "deep", 2, comment="Two.", blank="\n\n# moved\n")
    assert first != _in_another_process(tmp_path / "three", 1, scale="3.0")


def _with_globals(body: str, **names: Any) -> nn.Module:
    namespace: dict[str, Any] = {"nn": nn, "__name__": "__main__", **names}
    exec(f"class User(nn.Linear):\n    def forward(self, x):\n        {body}\n", namespace)  # noqa: S102
    return namespace["User"](2, 2)  # type: ignore[no-any-return]


def _helpers(factor: int) -> ModuleType:
    module = ModuleType("helpers")
    exec(f"def scale(x):\n    return x * {factor}\n", vars(module))  # noqa: S102
    return module


class Options:
    """A configuration that is neither a dataclass nor a mapping."""

    def __init__(self, heads: int) -> None:
        self.heads = heads
        self.seen: list[Tensor] = []


def _configured(heads: int) -> nn.Module:
    return Net(factor=Options(heads))


def _delegating(body: str) -> nn.Module:
    """Return a model whose forward calls another method of a part of it."""
    namespace: dict[str, Any] = {"nn": nn, "__name__": "__main__"}
    exec(  # noqa: S102
        f"class Part(nn.Linear):\n    def special(self, x):\n        return {body}\n"
        "class Whole(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.part = Part(2, 2)\n"
        "    def forward(self, x):\n        return self.part.special(x)\n",
        namespace,
    )
    return namespace["Whole"]()  # type: ignore[no-any-return]


def _called(factor: int) -> nn.Module:
    namespace: dict[str, Any] = {"nn": nn, "__name__": "__main__"}
    exec(  # noqa: S102
        f"class User(nn.Linear):\n    def __call__(self, x):\n        return super().__call__(x) * {factor}\n",
        namespace,
    )
    return namespace["User"](2, 2)  # type: ignore[no-any-return]


def _double(x: Tensor) -> Tensor:
    return x * 2


def _triple(x: Tensor) -> Tensor:
    return x * 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_with_globals("return x + 1"), _with_globals("return x - 1")),
        (_with_globals("return x + 1"), _with_globals("return x + 2")),
        (_with_globals("return f(x)", f=_double), _with_globals("return f(x)", f=_triple)),
        (_with_globals("return k * x", k=1), _with_globals("return k * x", k=2)),
        (_with_globals("return [k * y for y in x]", k=1), _with_globals("return [k * y for y in x]", k=2)),
        (_with_globals("return h.scale(x)", h=_helpers(2)), _with_globals("return h.scale(x)", h=_helpers(3))),
        (_delegating("x + 1"), _delegating("x - 1")),
        (_called(2), _called(3)),
        (_configured(2), _configured(4)),
    ],
    ids=[
        "operator",
        "constant",
        "helper",
        "global",
        "global inside a comprehension",
        "helper in another module",
        "method of a part",
        "call",
        "configuration of a class of its own",
    ],
)
def test_the_code_of_forward_counts_with_all_it_refers_to(one: nn.Module, other: nn.Module) -> None:
    assert model_fingerprint(one) != model_fingerprint(other)


def test_settings_count_also_where_a_forward_mentions_how_it_is_made() -> None:
    class Remade(Net):
        def forward(self, x: Tensor) -> Tensor:
            type(self).__init__  # noqa: B018
            return x

    assert model_fingerprint(Remade(factor=1)) != model_fingerprint(Remade(factor=2))


def test_code_that_forward_does_not_reach_does_not_count() -> None:
    class First(Net):
        def report(self) -> str:
            return "one"

    one = model_fingerprint(First())

    class First(Net):  # type: ignore[no-redef]
        def report(self) -> str:
            return "two"

    assert one == model_fingerprint(First())


def test_what_super_reaches_counts() -> None:
    def make(scale: float) -> nn.Module:
        class Base(nn.Linear):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x) * scale

        class Derived(Base):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x) + 1

        return Derived(2, 2)

    assert model_fingerprint(make(1.0)) == model_fingerprint(make(1.0))
    assert model_fingerprint(make(1.0)) != model_fingerprint(make(2.0))


def test_the_attention_of_a_pretrained_model_counts_and_its_origin_does_not() -> None:
    transformers = pytest.importorskip("transformers")

    def make(attention: str, origin: str) -> str:
        config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=9, bos_token_id=0, eos_token_id=0)
        config._name_or_path = origin
        return model_fingerprint(transformers.GPT2Model._from_config(config, attn_implementation=attention))

    assert make("sdpa", "gpt2") == make("sdpa", "a/copy")
    assert make("sdpa", "gpt2") != make("eager", "gpt2")


Layer = tuple[str, int]
LAYERS = st.lists(st.tuples(st.sampled_from(["linear", "norm", "relu", "gelu"]), st.integers(1, 5)), max_size=5)


def _build(layers: list[Layer], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    width = 3
    modules: list[nn.Module] = []
    for kind, size in layers:
        if kind == "linear":
            modules.append(nn.Linear(width, size))
            width = size
        else:
            modules.append({"norm": nn.LayerNorm(width), "relu": nn.ReLU(), "gelu": nn.GELU()}[kind])
    return nn.Sequential(*modules)


def _shape(layers: list[Layer]) -> list[Layer]:
    """Return what of the description makes a difference: only linear layers have a size."""
    return [(kind, size if kind == "linear" else 0) for kind, size in layers]


@settings(deadline=None)
@given(LAYERS, LAYERS, st.integers(0, 9), st.integers(0, 9))
def test_fingerprints_are_equal_exactly_for_equal_structures(
    one: list[Layer], other: list[Layer], seed: int, other_seed: int
) -> None:
    first, second = model_fingerprint(_build(one, seed)), model_fingerprint(_build(other, other_seed))
    assert (_shape(one) == _shape(other)) == (first == second)
    assert first == model_fingerprint(_build(one, other_seed))


DESCRIPTIONS = st.builds(
    Description,
    width=st.integers(2, 4),
    hidden=st.lists(st.integers(1, 4), max_size=3).map(tuple),
    block=st.sampled_from(sorted(BLOCKS)),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    attention=st.sampled_from(sorted(ATTENTIONS)),
    buffer=st.integers(1, 3),
    buffer_dtype=st.sampled_from(sorted(DTYPES)),
    dtype=st.sampled_from(sorted(DTYPES)),
    tied=st.booleans(),
    frozen=st.booleans(),
)


def _another(given: str, among: dict[str, Any]) -> str:
    names = sorted(among)
    return names[(names.index(given) + 1) % len(names)]


MUTATIONS: dict[str, Callable[[Description], Description]] = {
    "forward code": lambda given: replace(given, block=_another(given.block, BLOCKS)),
    "activation": lambda given: replace(given, activation=_another(given.activation, ACTIVATIONS)),
    "attention implementation": lambda given: replace(given, attention=_another(given.attention, ATTENTIONS)),
    "shapes": lambda given: replace(given, width=given.width + 1),
    "shapes of one layer": lambda given: replace(given, hidden=(given.hidden[0] + 1, *given.hidden[1:])),
    "depth": lambda given: replace(given, hidden=(*given.hidden, 2)),
    "shape of a buffer": lambda given: replace(given, buffer=given.buffer + 1),
    "dtype of a buffer": lambda given: replace(given, buffer_dtype=_another(given.buffer_dtype, DTYPES)),
    "dtype of the weights": lambda given: replace(given, dtype=_another(given.dtype, DTYPES)),
    "tying": lambda given: replace(given, tied=not given.tied),
    "what is trained": lambda given: replace(given, frozen=not given.frozen),
}


@pytest.mark.parametrize("kind", MUTATIONS)
@settings(deadline=None, max_examples=25)
@given(DESCRIPTIONS.filter(lambda given: given.hidden), st.integers(0, 9))
def test_every_mutation_of_a_structure_changes_its_fingerprint(kind: str, given: Description, seed: int) -> None:
    mutant = MUTATIONS[kind](given)
    assert model_fingerprint(build(given, seed)) != model_fingerprint(build(mutant, seed))


@settings(deadline=None, max_examples=50)
@given(DESCRIPTIONS, DESCRIPTIONS)
def test_architectures_have_equal_fingerprints_only_if_they_are_equal(one: Description, other: Description) -> None:
    same = _visible(one) == _visible(other)
    assert same == (model_fingerprint(build(one, 1)) == model_fingerprint(build(other, 2)))


def _visible(given: Description) -> Description:
    """Return what can be seen of a description: without blocks, nothing shows what they would have been."""
    return given if given.hidden else Description(
        width=given.width, hidden=(), dtype=given.dtype, tied=given.tied, frozen=given.frozen
    )  # fmt: skip


def _used(model: nn.Module) -> nn.Module:
    """Return a model after a step of training."""
    weight = next(model.parameters())
    model(torch.ones(2, weight.shape[-1], dtype=weight.dtype)).sum().backward()
    torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.1).step()
    return model


def _made_on_meta(given: Description) -> nn.Module:
    with torch.device("meta"):
        made: nn.Module = build(given)
    return made


@settings(deadline=None, max_examples=25)
@given(DESCRIPTIONS, st.integers(1, 9))
def test_neither_weights_nor_copies_nor_devices_nor_use_change_a_fingerprint(given: Description, seed: int) -> None:
    expected = model_fingerprint(build(given))
    same = {
        "another seed": build(given, seed),
        "a deep copy": copy.deepcopy(build(given)),
        "a pickle": pickle.loads(pickle.dumps(build(replace(given, activation="relu")))),  # noqa: S301 (our own)
        "made on another device": _made_on_meta(given),
        "evaluation": build(given).eval(),
        "a step": _used(build(given)),
    }
    if given.activation != "relu":  # what is pickled must have a name
        del same["a pickle"]
    if not given.tied:  # torch itself unties what moves to meta
        same["moved to another device"] = build(given).to("meta")
    assert {} == {how: model for how, model in same.items() if model_fingerprint(model) != expected}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Callable[[Description], str]]:
    """Take fingerprints in another process, with another hash seed."""
    program = str(HERE / "fingerprints" / "architectures.py")
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    with subprocess.Popen(
        [sys.executable, program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(given: Description) -> str:
            stdin.write(to_json(given) + "\n")
            stdin.flush()
            return stdout.readline().strip()

        yield ask
        stdin.close()


@settings(deadline=None, max_examples=50)
@given(given=DESCRIPTIONS)
def test_another_process_with_other_seeds_takes_the_same_fingerprint(
    elsewhere: Callable[[Description], str], given: Description
) -> None:
    assert elsewhere(given) == model_fingerprint(build(given))
