"""Which audit events the engine can record, read from its source: every way that a name takes into ``AuditEvent(event=...)``.

A function that puts one of its parameters there is a carrier, and so is one that hands its own parameter to a carrier; what is
written out where a carrier is called is an event. A name that is put together leaves a pattern.
"""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import counterseal

ENGINE = Path(counterseal.__file__).parent / "engine"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Carriers = dict[tuple[str, str], str]
"""Parameter by module and function; the module is empty for what other modules may call."""


@functools.cache
def recorded() -> frozenset[str]:
    """Regular expressions, most of them plain names."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ENGINE.rglob("*.py"))}
    public = _definitions(trees.values(), private=False)
    visible = {path: public | _definitions([tree], private=True) for path, tree in trees.items()}
    found: set[str] = set()
    carriers: Carriers = {}
    while True:
        before = len(carriers)
        for path, tree in trees.items():
            for function in _functions(tree):
                for value in _events_in(function, str(path), carriers, visible[path]):
                    if isinstance(value, ast.Name) and value.id in _parameters(function):
                        module = str(path) if function.name.startswith("_") else ""
                        carriers[module, function.name] = value.id
                    else:
                        found |= set(_written(value, function, tree))
        if len(carriers) == before:
            return frozenset(found)


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _parameters(function: Function) -> list[str]:
    given = function.args
    return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _events_in(
    function: Function, module: str, carriers: Carriers, definitions: dict[str, list[Function]]
) -> Iterator[ast.expr]:
    """What stands where an event belongs, in the calls that the function makes."""
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "AuditEvent":
            yield from (k.value for k in call.keywords if k.arg == "event")
            continue
        parameter = carriers.get((module, name)) or carriers.get(("", name))
        if parameter is None:
            continue
        yield from (k.value for k in call.keywords if k.arg == parameter)
        places = {
            _parameters(d).index(parameter) - _bound(d)
            for d in definitions.get(name, ())
            if parameter in _parameters(d)
        }
        yield from (call.args[place] for place in places if 0 <= place < len(call.args))


def _bound(function: Function) -> int:
    return int(_parameters(function)[:1] in (["self"], ["cls"]))


def _definitions(trees: Iterable[ast.Module], *, private: bool) -> dict[str, list[Function]]:
    """By name; only a module itself sees its private ones."""
    found: dict[str, list[Function]] = defaultdict(list)
    for tree in trees:
        for function in _functions(tree):
            if private or not function.name.startswith("_"):
                found[function.name].append(function)
    return found


def _written(value: ast.expr, function: Function, tree: ast.Module) -> Iterator[str]:
    match value:
        case ast.Constant():
            yield re.escape(str(value.value))
        case ast.IfExp():
            yield from _written(value.body, function, tree)
            yield from _written(value.orelse, function, tree)
        case ast.JoinedStr():
            yield "".join(
                re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z0-9-]+" for p in value.values
            )
        case ast.Name():
            for assigned in (*_assigned(value.id, ast.walk(function)), *_assigned(value.id, tree.body)):
                yield from _written(assigned, function, tree)


def _assigned(name: str, nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == name for t in node.targets):
            yield node.value
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name and node.value is not None:
            yield node.value
