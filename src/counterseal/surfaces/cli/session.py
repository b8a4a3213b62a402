"""One run of the program: its settings, who runs it, and the ports once a command needs them."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.domain.people import Actor, Permission
from counterseal.surfaces.cli.faults import FileTrouble, InvalidSetting
from counterseal.surfaces.cli.wake import WakeClient

if TYPE_CHECKING:  # what costs a tenth of a second each, and --help need not pay
    from counterseal.engine.ports import Ports
    from counterseal.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What the program cannot make itself, because it lies above it: handed in by ``counterseal.__main__``."""

    open_ports: "Callable[[Settings], Ports]"
    close_ports: "Callable[[Ports], None]"
    serve: "Callable[[Settings], None]"


@dataclass(slots=True)
class Session:
    """Lives as long as the command."""

    composition: Composition
    overrides: dict[str, object] = field(default_factory=dict)
    """Settings from the command line, by field."""
    as_json: bool = False

    def settings(self) -> "Settings":
        """Raises ``InvalidSetting``, naming the setting."""
        from pydantic import ValidationError

        from counterseal.settings import Settings

        try:
            build: Callable[..., Settings] = Settings
            return build(**self.overrides)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "settings"
            raise InvalidSetting(f"{name}: {first['msg']}") from error

    @contextmanager
    def ports(self) -> "Iterator[Ports]":
        """The store, vault and payloads of the data directory, shared with a server that may be running on it."""
        settings = self.settings()
        try:
            ports = self.composition.open_ports(settings)
        except OSError as error:
            raise FileTrouble(f"{settings.data_dir}: {error.strerror or error}") from error
        try:
            yield replace(ports, wake=WakeClient(settings.wake_path))
        finally:
            self.composition.close_ports(ports)


def local_actor() -> Actor:
    """Whoever can read the data directory may do everything with it: the file system is the gate."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container without a passwd entry
        name = str(os.getuid())
    return Actor(name=f"local:{name}", permissions=frozenset(Permission))


class LocalSources:
    """Files beside a configuration, and this process's environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, path: str) -> bytes:
        from counterseal.engine.configuration import SourceRefused

        try:
            with (self._folder / Path(path).expanduser()).open("rb") as opened:
                content = opened.read(MAXIMUM_FILE_BYTES + 1)
        except OSError as error:
            raise SourceRefused(f"{path}: {error.strerror or error}") from error
        if len(content) > MAXIMUM_FILE_BYTES:
            raise SourceRefused(f"{path} has more than {MAXIMUM_FILE_BYTES} bytes")
        return content

    def environment(self, name: str) -> str:
        from counterseal.engine.configuration import SourceRefused

        found = os.environ.get(name)
        if not found:
            raise SourceRefused(f"the environment variable {name} is not set")
        return found


MAXIMUM_FILE_BYTES = 4 * 1024 * 1024
"""Key files and certificates are a few kilobytes; anything larger is another file."""


def read_file(path: Path, *, most: int) -> bytes:
    """A file, or standard input for ``-``. Raises ``FileTrouble``."""
    import sys

    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            with path.open("rb") as opened:
                content = opened.read(most + 1)
    except OSError as error:
        raise FileTrouble(f"{path}: {error.strerror or error}") from error
    if len(content) > most:
        raise FileTrouble(f"{path} has more than {most} bytes")
    return content
