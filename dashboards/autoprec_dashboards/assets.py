"""Style sheets, scripts and plotly's own bundle, under names that change with their content."""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.resources import files

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PLOTLY = "plotly.min.js"
_SHEET = re.compile(r'getElementById\("([0-9a-f]{64})"\)\)\{var \w+=document\.createElement\("style"\)')
_OWN = ("app.css", "plotly.css", "app.js", "theme.js", "icon.svg")


@dataclass(frozen=True)
class Asset:
    """One file that browsers may keep for good."""

    name: str
    content: bytes = field(repr=False)

    @cached_property
    def compressed(self) -> bytes:
        """The content as gzip; made when it is first asked for."""
        return gzip.compress(self.content, compresslevel=6, mtime=0)

    @property
    def media_type(self) -> str:
        """What the content is."""
        return _TYPES[self.name.rsplit(".", 1)[1]]

    @cached_property
    def address(self) -> str:
        """The name with a digest of the content in it."""
        stem, ending = self.name.rsplit(".", 1)
        return f"{stem}.{sha256(self.content).hexdigest()[:12]}.{ending}"


class Assets:
    """Every file that pages refer to, read once."""

    def __init__(self) -> None:
        own = files("autoprec_dashboards") / "static"
        found = [Asset(name, (own / name).read_bytes()) for name in _OWN]
        found.append(_importing(found))
        found.append(Asset(_PLOTLY, _plotly()))
        self.plotly_sheets = tuple(_SHEET.findall(found[-1].content.decode()))
        """Ids of the style sheets that plotly would add for its maps, which are not drawn here: it leaves out what is
        there already."""
        self._by_name = {each.name: each for each in found}
        self._by_address = {each.address: each for each in found}

    def address(self, name: str) -> str:
        """Return under which name a file is served."""
        return self._by_name[name].address

    def get(self, address: str) -> Asset | None:
        """Return the file of a served name, None where there is none."""
        return self._by_address.get(address)


def _importing(others: Iterable[Asset]) -> Asset:
    """Return the script of figures, which imports another file under the name that that is served by."""
    content = (files("autoprec_dashboards") / "static" / "figures.js").read_bytes()
    app = next(each for each in others if each.name == "app.js")
    return Asset("figures.js", content.replace(b"./app.js", f"./{app.address}".encode()))


def _plotly() -> bytes:
    """Return plotly's bundle as its Python package brings it along: figures are drawn without any other server."""
    return (files("plotly") / "package_data" / _PLOTLY).read_bytes()
