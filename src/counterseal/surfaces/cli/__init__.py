"""``counterseal ...``: everything that the console does, for terminals and scripts.

Nothing heavy is imported before a command needs it: ``--help`` is there at once.
"""

from counterseal.surfaces.cli.program import run
from counterseal.surfaces.cli.session import Composition

__all__ = ["Composition", "run"]
