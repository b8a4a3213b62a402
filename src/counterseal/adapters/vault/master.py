"""Where the master key comes from: a key file made at the first start, or a passphrase through Argon2id.

Both ways leave ``vault.json``: how the vault is opened, and a record by which a wrong key shows at once. It also stands guard: when
it is there and the key file is not, a new key is *not* made, because everything sealed under the old one would be lost.

Files are made complete under another name and then linked, so that two processes that start together agree on one of them.
"""

import base64
import binascii
import json
import os
import stat
from pathlib import Path
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw

from counterseal.adapters.vault.sealing import MASTER_BYTES, Sealer
from counterseal.engine.ports import VaultLocked

KEY_FILE: Final = "vault.key"
FORM_FILE: Final = "vault.json"
_HEADER: Final = "counterseal vault key 1"
_CHECK: Final = b"counterseal"
_CHECK_PURPOSE: Final = "vault-check"

_ARGON2ID: Final = {"time_cost": 3, "memory_kib": 65536, "parallelism": 4}
"""RFC 9106 section 4, the second recommended choice: 64 MiB, three passes, four lanes."""
_SALT_BYTES: Final = 16
_LIMITS: Final = {"time_cost": 64, "memory_kib": 4 * 1024 * 1024, "parallelism": 64}
"""A changed file must not make us fill the memory."""


def open_master(folder: Path, *, passphrase: str | None) -> Sealer:
    """The sealer of this folder's vault, made at the first call. Raises ``VaultLocked``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / FORM_FILE).exists():
            _make(folder, passphrase)
        form = json.loads((folder / FORM_FILE).read_bytes())
    except OSError as error:
        raise VaultLocked(f"the vault's files cannot be read or made: {error.strerror}") from error
    except ValueError as error:
        raise VaultLocked(f"{FORM_FILE} is not readable; restore it from a backup") from error
    opened_by = form.get("opened_by") if isinstance(form, dict) else None
    if opened_by == "key-file":
        sealer = Sealer(_from_file(folder, passphrase))
    elif opened_by == "passphrase":
        sealer = Sealer(_from_passphrase(form, passphrase))
    else:
        raise VaultLocked(f"{FORM_FILE} does not say how the vault is opened; restore it from a backup")
    _verify(sealer, form)
    return sealer


def _make(folder: Path, passphrase: str | None) -> None:
    if passphrase is None:
        fresh = f"{_HEADER}\n{base64.b64encode(os.urandom(MASTER_BYTES)).decode()}\n"
        _place(folder / KEY_FILE, fresh.encode())
        form: dict[str, Any] = {"version": 1, "opened_by": "key-file"}
        sealer = Sealer(_from_file(folder, None))
    else:
        salt = base64.b64encode(os.urandom(_SALT_BYTES)).decode()
        form = {"version": 1, "opened_by": "passphrase", "kdf": "argon2id", "salt": salt, **_ARGON2ID}
        sealer = Sealer(_from_passphrase(form, passphrase))
    form["check"] = base64.b64encode(sealer.seal(_CHECK, purpose=_CHECK_PURPOSE)).decode()
    _place(folder / FORM_FILE, json.dumps(form, indent=2).encode())


def _place(path: Path, content: bytes) -> None:
    """Durable, complete and 0600 from the first moment; leaves a file that is there already as it is."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _from_file(folder: Path, passphrase: str | None) -> bytes:
    if passphrase is not None:
        raise VaultLocked("this vault is opened by its key file, not by a passphrase; leave the passphrase out")
    path = folder / KEY_FILE
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise VaultLocked(f"the vault's key file {KEY_FILE} is missing; restore it from a backup") from None
    except (OSError, UnicodeDecodeError) as error:
        raise VaultLocked(f"the vault's key file {KEY_FILE} cannot be read") from error
    if mode & 0o077:
        raise VaultLocked(f"the vault's key file {KEY_FILE} has mode {mode:04o}: others can read it; set it to 0600")
    lines = text.split()
    try:
        return base64.b64decode(lines[-1], validate=True) if text.startswith(_HEADER) else b""
    except binascii.Error:
        return b""


def _from_passphrase(form: dict[str, Any], passphrase: str | None) -> bytes:
    if passphrase is None:
        raise VaultLocked("this vault is opened by a passphrase, and none was given")
    try:
        salt = base64.b64decode(form["salt"], validate=True)
        cost = {name: int(form[name]) for name in _LIMITS}
        fits = form["kdf"] == "argon2id" and all(1 <= cost[name] <= limit for name, limit in _LIMITS.items())
    except (KeyError, ValueError, TypeError) as error:
        raise VaultLocked(f"{FORM_FILE} lacks what a passphrase needs; restore it from a backup") from error
    if not fits:
        raise VaultLocked(f"{FORM_FILE} asks for a key derivation that is not supported")
    return hash_secret_raw(
        passphrase.encode(),
        salt,
        time_cost=cost["time_cost"],
        memory_cost=cost["memory_kib"],
        parallelism=cost["parallelism"],
        hash_len=MASTER_BYTES,
        type=Type.ID,
    )


def _verify(sealer: Sealer, form: dict[str, Any]) -> None:
    wrong = "the passphrase is wrong" if form["opened_by"] == "passphrase" else f"{KEY_FILE} is of another vault"
    try:
        sealer.unseal(base64.b64decode(str(form.get("check", ""))), purpose=_CHECK_PURPOSE)
    except (VaultLocked, binascii.Error):
        raise VaultLocked(f"the vault does not open: {wrong}, or {FORM_FILE} was changed") from None
