"""What one process has found out by running a model once, so that the others need not (free of torch)."""

from pydantic import BaseModel, ConfigDict


class Tried(BaseModel):
    """A call that runs, and what came out of it. It crosses to other processes as JSON."""

    model_config = ConfigDict(frozen=True)

    call: str
    """As code, such as `model(batch[0])`."""
    shape: tuple[int, ...] | None = None
    """Of an output that is a tensor by itself."""
    dtype: str | None = None
    """Of such an output, such as "float32"."""
