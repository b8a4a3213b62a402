"""Names of parametrised cases that are the same in every process, so that two workers collect the same tests."""

import re

from hypothesis import HealthCheck, settings

# Machines are shared: how long one example takes says nothing here, and benchmarks measure elsewhere.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

_RANDOM = re.compile(r"(?:[0-9a-f] ?){8,}")
_LONGEST = 160


def pytest_make_parametrize_id(config: object, val: object, argname: str) -> str | None:
    if isinstance(val, str) and _RANDOM.search(val):
        return _RANDOM.sub(argname, val)
    if isinstance(val, dict | set | frozenset):
        name = _stable(val)
        return name if len(name) <= _LONGEST else argname
    return None


def _stable(value: object) -> str:
    """Like ``repr``, with sets in order."""
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_stable, value))) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_stable(k)}: {_stable(v)}" for k, v in value.items()) + "}"
    return str(value)
