"""The lineage of a version, read when it is first used: a list of 1,000 versions needs none of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class LazyLineage(Mapping[str, Any]):
    """The content of lineage.json. Its first use raises what ``read`` raises."""

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read
        self._content: Mapping[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._loaded()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _loaded(self) -> Mapping[str, Any]:
        if self._content is None:
            self._content = self._read()
        return self._content
