"""``scripts/demo``: the whole story, then two consoles to look around in."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from counterseal_sim.demo import beginning, ending, over_oftp2, over_scx, renewal
from counterseal_sim.demo.gateway import Gateway
from counterseal_sim.demo.narration import Narrator, StepFailed
from counterseal_sim.demo.scene import ADMINISTRATOR, Scene, open_scene


def main() -> int:
    """0 when every step really happened and was seen to happen, 1 when one did not."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Two gateways renew a certificate on this machine."
    )
    parser.add_argument(
        "--once", action="store_true", help="end after the story instead of leaving both consoles running"
    )
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the data of both gateways in this new directory")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us with it ignored
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _stop)
    narrator = Narrator()
    try:
        with _folder(options.keep) as folder, open_scene(folder, narrator) as scene:
            _perform(scene, once=options.once)
    except StepFailed as failure:
        sys.stdout.flush()
        sys.stderr.write(f"\nThe demo failed in step {narrator.steps}. {failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stdout.write("\nBoth gateways are stopped.\n")
    if options.keep:
        _tell_kept(options.keep)
    return 0


def _perform(scene: Scene, *, once: bool) -> None:
    """Raises ``StepFailed``, after the last that both gateways said."""
    try:
        _play(scene)
        if not once:
            _stay(scene)
    except StepFailed:
        for gateway in (scene.alpha, scene.bravo):
            said = gateway.log.read_text(encoding="utf-8", errors="replace") if gateway.log.exists() else ""
            sys.stderr.write(f"\nLast in the log of {gateway.name}:\n{said[-1500:]}\n")
        raise


def _play(scene: Scene) -> None:
    beginning.start_gateways(scene)
    beginning.introduce(scene)
    beginning.exchange_orders(scene)
    renewal.renew(scene)
    renewal.watch_request(scene)
    document_id, paper = renewal.hold_a_message(scene)
    renewal.decide(scene)
    renewal.hear_answer(scene)
    ending.trade_on(scene)
    ending.deliver_late(scene, document_id, paper)
    ending.close(scene)
    over_scx.exchange_certificates(scene, over_oftp2.trade_over_oftp2(scene))
    narrator = scene.narrator
    sys.stdout.write(
        f"\nAll {narrator.steps} steps happened, {narrator.claims} claims were checked, in {narrator.seconds:.0f} seconds.\n"
    )


def _stay(scene: Scene) -> None:
    """Until Ctrl-C. Raises ``StepFailed`` when a gateway ends by itself."""
    sys.stdout.write("\nBoth consoles keep running. Each link signs you in once, within the hour:\n\n")
    for gateway in (scene.alpha, scene.bravo):
        sys.stdout.write(f"   {gateway.name:13} {_link(gateway)}\n")
    sys.stdout.write("\nPress Ctrl-C to end both.\n")
    sys.stdout.flush()
    while True:
        signal.sigtimedwait((), 1)
        for gateway in (scene.alpha, scene.bravo):
            if not gateway.runs:
                raise StepFailed(f"{gateway.name} ended by itself")


def _link(gateway: Gateway) -> str:
    made = gateway.run_json("user", "sign-in-link", ADMINISTRATOR)
    return str(made["url"])


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """A directory for everything; a temporary one is gone afterwards. Raises ``StepFailed`` for one that is in use."""
    if kept is None:
        folder = Path(tempfile.mkdtemp(prefix="counterseal-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        kept.mkdir(parents=True, exist_ok=True)
        if any(kept.iterdir()):
            raise StepFailed(f"{kept} is not empty: name a new directory")
    except OSError as error:
        raise StepFailed(f"{kept}: {error.strerror}") from error
    yield kept.resolve()


def _tell_kept(kept: Path) -> None:
    sys.stdout.write(f"\nThe data is kept in {kept}. Each gateway starts again on it, for example:\n")
    sys.stdout.write(f"   .venv/bin/counterseal serve --data-dir {kept}/alpha\n")


def _stop(number: int, frame: object) -> None:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: everything that was started is ended."""
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
