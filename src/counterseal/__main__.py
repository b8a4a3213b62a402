"""``counterseal``: the command line, given the parts that lie above it."""

import gc
import sys
from typing import TYPE_CHECKING

from counterseal.surfaces.cli import Composition, run

if TYPE_CHECKING:
    from counterseal.engine.ports import Ports
    from counterseal.settings import Settings


def main() -> None:
    gc.disable()  # what is loaded stays: to look for garbage in it takes a tenth of the start
    sys.exit(run(Composition(open_ports=_open_ports, close_ports=_close_ports, serve=_serve)))


def _open_ports(settings: "Settings") -> "Ports":
    from counterseal import app

    _collect_garbage_again()
    return app.open_ports(settings)


def _close_ports(ports: "Ports") -> None:
    from counterseal import app

    app.close_ports(ports)


def _serve(settings: "Settings") -> None:
    from counterseal import app

    app.serve(settings, loaded=_collect_garbage_again)


def _collect_garbage_again() -> None:
    """Of what is made from now on; what has been loaded is not looked at any more."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
