"""A graph network that tells tumours apart by those that are like them, with messages summed by scattering."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.workload import Workload
from data_sets import breast_cancer

WIDTH, NEIGHBOURS = 64, 8


class Messages(nn.Module):
    """Each node receives the mean of what its neighbours say."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.message, self.own = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """Return float[N, outputs] for nodes float[N, inputs] and edges int64[2, E] from the first to the second."""
        said = self.message(x)[edges[0]]
        heard = torch.zeros(len(x), said.shape[1], dtype=said.dtype, device=said.device)
        mean: Tensor = self.own(x) + heard.index_add(0, edges[1], said) / NEIGHBOURS
        return mean


class GraphNetwork(nn.Module):
    """Two rounds of messages, then a class for each node."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Messages(30, WIDTH), Messages(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """Return logits float[N, 2]."""
        logits: Tensor = self.head(torch.relu(self.second(torch.relu(self.first(x, edges)), edges)))
        return logits


def graph() -> tuple[Tensor, Tensor, Tensor]:
    """Return nodes, edges from the nearest neighbours of each node, and classes."""
    nodes, classes = breast_cancer()
    nearest = torch.cdist(nodes, nodes).topk(NEIGHBOURS + 1, largest=False).indices[:, 1:]
    receivers = torch.arange(len(nodes)).repeat_interleave(NEIGHBOURS)
    return nodes, torch.stack([nearest.flatten(), receivers]), classes


def workload() -> Workload:
    """Return the training with Adam on the whole graph."""
    return Workload(
        model=GraphNetwork(),
        batch=graph(),
        loss=lambda logits, batch: cross_entropy(logits, batch[2]),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        name="GNN",
    )
