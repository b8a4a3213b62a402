"""``counterseal``: the command line."""


def main() -> None:
    """Replaced by the command line surface."""
