"""A table of plug-ins that are imported on first use. Does not know what they are."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownPlugin(LookupError):
    """The table has no plug-in of that name; the message lists those it has."""


class MissingPackage(ImportError):
    """A plug-in needs a package that is not installed; the message has the pip line."""


class Registry(Generic[T]):
    """Names with the places of their plug-ins, written ``module:attribute``."""

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        self.kind = kind
        self.places = dict(places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def get(self, name: str) -> T:
        """Import and return a plug-in.

        Raises:
            UnknownPlugin: the table has no such name.
            MissingPackage: a package that the plug-in needs is not installed.
        """
        if name not in self.places:
            known = ", ".join(sorted(self.places))
            raise UnknownPlugin(f"no {self.kind} called {name!r}; known: {known}")
        module_name, _, attribute = self.places[name].partition(":")
        try:
            plugin: T = getattr(import_module(module_name), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or module_name.startswith(error.name):
                raise  # the table is wrong, not the installation
            package = error.name.partition(".")[0]
            raise MissingPackage(
                f"{self.kind} {name!r} needs the package {package!r}: pip install {package}"
            ) from error
        return plugin
