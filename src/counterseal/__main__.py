"""``counterseal``: the command line, given the parts that lie above it."""

import sys
from typing import TYPE_CHECKING

from counterseal.surfaces.cli import Composition, run

if TYPE_CHECKING:
    from counterseal.engine.ports import Ports
    from counterseal.settings import Settings


def main() -> None:
    sys.exit(run(Composition(open_ports=_open_ports, close_ports=_close_ports, serve=_serve)))


def _open_ports(settings: "Settings") -> "Ports":
    from counterseal import app

    return app.open_ports(settings)


def _close_ports(ports: "Ports") -> None:
    from counterseal import app

    app.close_ports(ports)


def _serve(settings: "Settings") -> None:
    from counterseal import app

    app.serve(settings)


if __name__ == "__main__":
    main()
