"""Applying a configuration: the same plan twice, once to see what must be made, once inside the one transaction."""

from collections.abc import Mapping

from counterseal.domain.people import Actor, Permission
from counterseal.engine.configuration.changes import Changes
from counterseal.engine.configuration.entries import Sources, parse
from counterseal.engine.configuration.holding import Context, Made
from counterseal.engine.configuration.model import Configuration
from counterseal.engine.configuration.planning import Planner
from counterseal.engine.ports import Conflict, Ports, Reader
from counterseal.kernel.x509 import Certificate

_SERIAL_OCTETS = 16
"""RFC 5280 4.1.2.2: positive, at most 20 octets; CA/Browser Forum 7.1: at least 64 random bits."""


def read(ports: Ports, content: bytes, *, sources: Sources) -> Configuration:
    """The configuration in a YAML or JSON text. Raises ``ConfigurationRefused``."""

    def serial() -> int:
        return int.from_bytes(ports.entropy.octets(_SERIAL_OCTETS), "big") >> 1 or 1

    return parse(content, sources=sources, vault=ports.vault, now=ports.clock.now(), serial=serial)


def plan(ports: Ports, actor: Actor, configuration: Configuration) -> Changes:
    """What ``apply`` would do; nothing is stored. Raises ``ConfigurationRefused``."""
    actor.require(Permission.CONFIGURE)
    with ports.store.read() as reader:
        context = _context(ports, actor, reader, {})
        recording = Planner(context).plan(configuration)
    return Changes(changes=tuple(recording.changes), notes=tuple(recording.notes), applied=False)


def apply(ports: Ports, actor: Actor, configuration: Configuration) -> Changes:
    """Brings the store to what the configuration says, in one transaction; a second time it finds nothing to do.

    Raises ``ConfigurationRefused``, and ``Conflict`` when somebody else changed the same things meanwhile.
    """
    actor.require(Permission.CONFIGURE)
    with ports.store.read() as reader:
        context = _context(ports, actor, reader, {})
        Planner(context).plan(configuration)
    made = {}
    for wanted, generate in context.wanted.items():
        key = ports.vault.generate(kind=generate.kind, bits=generate.bits, curve=generate.curve)
        made[wanted] = Made(key=key, certificate=Certificate.parse(ports.vault.self_signed(key.sealed, generate.form)))
    with ports.store.write() as writer:
        context = _context(ports, actor, writer, made)
        recording = Planner(context).plan(configuration)
        if context.wanted:
            raise Conflict("the configuration was changed by somebody else meanwhile: apply it again")
        for entity in recording.entities:  # in the order of the file: what is referred to goes first
            writer.put(entity)
        writer.record(*recording.events)
    if recording.changes:
        ports.store.seal()
        ports.wake()
    return Changes(changes=tuple(recording.changes), notes=tuple(recording.notes), applied=True)


def _context(ports: Ports, actor: Actor, reader: Reader, made: Mapping[tuple[str, str], Made]) -> Context:
    return Context(
        reader=reader, vault=ports.vault, entropy=ports.entropy, actor=actor, now=ports.clock.now(), made=made
    )
