"""Every kind of fault that there is, found by loading every module."""

import importlib
import pkgutil
from collections.abc import Iterator

import counterseal
from counterseal.kernel.errors import Fault


def every_fault() -> list[type[Fault]]:
    """By code."""
    for module in pkgutil.walk_packages(counterseal.__path__, "counterseal."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {k for k in _below(Fault) if k.__module__.startswith("counterseal.")}
    return sorted(found, key=lambda k: (k.code, k.__module__))


def _below(kind: type[Fault]) -> Iterator[type[Fault]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)
