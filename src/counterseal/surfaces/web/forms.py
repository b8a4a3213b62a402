"""What a browser sent, as plain text and files; and what is wrong with it, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

MAXIMUM_FILES: Final = 4
MAXIMUM_FIELDS: Final = 20_000
"""A pick list of five thousand partners is one form."""
MAXIMUM_FIELD_BYTES: Final = 256 * 1024
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a form; it lies on disk above a megabyte and goes with the request."""

    name: str
    content_type: str
    size: int
    file: BinaryIO

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK_BYTES):
            yield chunk

    def content(self, *, most: int) -> bytes:
        """At most ``most`` octets and one: the caller sees when there was more."""
        self.file.seek(0)
        return self.file.read(most + 1)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form or of a query. Texts come without surrounding space and without NUL."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        found = self.texts.get(name, ())
        return found[-1].strip().replace("\0", "") if found else default

    def secret(self, name: str) -> str:
        """Exactly as typed: a password may begin with a space."""
        found = self.texts.get(name, ())
        return found[-1] if found else ""

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(t.strip().replace("\0", "") for t in self.texts.get(name, ()))

    def flag(self, name: str) -> bool:
        return bool(self.texts.get(name))

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default

    def file(self, name: str) -> Upload | None:
        return self.files.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """``field`` is the id of the input; ``text`` gives cause and remedy (the design's section 6)."""

    field: str
    label: str
    text: str


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with a form; empty means that it may be used."""

    found: list[FieldProblem] = field(default_factory=list)

    def add(self, name: str, label: str, text: str) -> None:
        self.found.append(FieldProblem(field=name, label=label, text=text))

    def of(self, name: str) -> str:
        return next((p.text for p in self.found if p.field == name), "")

    def __bool__(self) -> bool:
        return bool(self.found)

    def __len__(self) -> int:
        return len(self.found)


def query_of(request: Request) -> Form:
    texts: dict[str, tuple[str, ...]] = {}
    for name, value in request.query_params.multi_items():
        texts[name] = (*texts.get(name, ()), value)
    return Form(texts=texts)


async def form_of(request: Request) -> Form:
    data = await request.form(max_files=MAXIMUM_FILES, max_fields=MAXIMUM_FIELDS, max_part_size=MAXIMUM_FIELD_BYTES)
    return _read(data)


def _read(data: FormData) -> Form:
    texts: dict[str, tuple[str, ...]] = {}
    files: dict[str, Upload] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = Upload(
                    name=value.filename,
                    content_type=value.content_type or "",
                    size=value.size or 0,
                    file=value.file,
                )
        else:
            texts[name] = (*texts.get(name, ()), value)
    return Form(texts=texts, files=files)
