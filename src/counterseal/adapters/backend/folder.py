"""``FolderBackend``: inbound documents as files in one folder per agreement, each with a JSON file of facts beside it.

    inbox/<community>/<partner>-<protocol>-<agreement id>/
      <document id>--<file name>             the payload
      <document id>--<n>--attachment         further parts, n from 2
      <document id>.json                     facts; written last: when it is there, the document is complete. Nothing else
                                             ends so: a payload that would gets ``.payload`` behind its name

Whoever picks files up waits for the ``.json``. Everything is written under a hidden name, made durable, then renamed, so nobody ever
sees half a file. The names follow from the document id, so delivering again (after a crash, say) writes the same files again or,
when the facts are there already, nothing: also when the payload has been picked up and removed meanwhile, as long as the facts stay.
A folder whose files are removed together is safe too: the engine delivers again only when it could not record the first time.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from counterseal.adapters.backend.names import safe_name
from counterseal.engine.ports import BackendUnavailable, Delivery

_FACTS_VERSION: Final = 1


class FolderBackend:
    """Safe to use from several threads; two deliveries of one document end in the same files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def deliver(self, delivery: Delivery) -> str:
        folder = self._root / _folder_of(delivery)
        facts = folder / f"{_safe_id(delivery)}.json"
        try:
            _make_folders(folder)
            if not facts.exists():
                names = _write_parts(folder, delivery)
                text = json.dumps(_facts_of(delivery, names), indent=2, ensure_ascii=False)
                _write(folder / facts.name, [text.encode("utf-8", "replace")])
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise BackendUnavailable(f"the inbox folder did not take the document: {reason}") from error
        return f"folder {folder.relative_to(self._root)}, {facts.stem}"


def _safe_id(delivery: Delivery) -> str:
    return safe_name(delivery.document.id, fallback="document")


def _folder_of(delivery: Delivery) -> Path:
    partner = safe_name(delivery.partner.slug, fallback="partner")
    agreement = safe_name(delivery.agreement.id, fallback="agreement")
    return Path(
        safe_name(delivery.community.slug, fallback="community"),
        f"{partner}-{delivery.agreement.protocol.value}-{agreement}",
    )


def _make_folders(folder: Path) -> None:
    """Each new folder's name is durable before something is put into it."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent)


def _write_parts(folder: Path, delivery: Delivery) -> list[str]:
    document = delivery.document
    identity = _safe_id(delivery)
    names = []
    parts = ([document.payload] if document.payload is not None else []) + list(document.attachments)
    for number, blob_id in enumerate(parts, start=1):
        first = number == 1
        name = f"{identity}--{_payload_name(document.file_name)}" if first else ""
        name = name or f"{identity}--{number}--attachment"
        _write(folder / name, delivery.content(blob_id))
        names.append(name)
    return names


def _payload_name(text: str) -> str:
    name = safe_name(text, fallback="document")
    return f"{name}.payload" if name.casefold().endswith(".json") else name


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _facts_of(delivery: Delivery, names: list[str]) -> dict[str, Any]:
    document = delivery.document
    return {
        "version": _FACTS_VERSION,
        "document_id": document.id,
        "community": delivery.community.slug,
        "partner": delivery.partner.slug,
        "partner_name": delivery.partner.name,
        "partner_identity": delivery.agreement.partner_identity,
        "agreement_id": delivery.agreement.id,
        "protocol": delivery.agreement.protocol.value,
        "message_id": delivery.message_id,
        "received_at": document.created_at.isoformat(),
        "file_name": document.file_name,
        "content_type": document.content_type,
        "subject": document.subject,
        "size": document.size,
        "sha256": document.digest,
        "files": names,
        "findings": [{"code": f.code, "severity": f.severity.value, "text": f.text} for f in document.findings],
    }
