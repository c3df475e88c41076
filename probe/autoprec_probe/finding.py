"""One thing about a machine's software that will not work as expected."""

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """A known problem that this machine has, with the way out and where it can be checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """The short stable name of the problem, such as `torch-without-the-device`."""
    sentence: str
    remedy: str
    source: str
