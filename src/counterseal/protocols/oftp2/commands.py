"""The commands of OFTP2 in the order of RFC 5024 §5.3: a value class for each, and its field table.

A table line is (position, field, format, width[, values]) as printed in the RFC; an attribute is the field's name without
the command's letters (``SFIDDSN``: ``dsn``). Defects of the RFC's tables that matter here: SFIDCIPH has more values than
the two printed, SFIDLRECL stops at 65535 for secured V files, RTR goes from listener to speaker.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from counterseal.protocols.oftp2.formats import Field, Kind

READY_MESSAGE: Final = b"ODETTE FTP READY "


@dataclass(frozen=True, slots=True, kw_only=True)
class SSRM:
    """Start session ready message (§5.3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SSID:
    """Start session (§5.3.2)."""

    lev: str
    code: str
    pswd: str = field(repr=False)
    sdeb: int
    sr: str
    cmpr: bool
    rest: bool
    spec: bool
    cred: int
    auth: bool
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SFID:
    """Start file (§5.3.3). ``rest`` counts records (plain F, V) or blocks of 1,024 octets (U, T and every secured file)."""

    dsn: str
    date: str
    time: str
    user: str = ""
    dest: str
    orig: str
    fmt: str
    lrecl: int
    fsiz: int
    osiz: int
    rest: int
    sec: str
    ciph: str
    comp: str
    env: str
    sign: bool
    desc: str = ""

    @property
    def secured(self) -> bool:
        """True when the file travels as CMS and is therefore unstructured (§5.3.3 SFIDFMT)."""
        return self.sec != "00" or self.comp != "0"

    @property
    def recorded(self) -> bool:
        """True when record boundaries are on the wire."""
        return self.fmt in {"F", "V"} and not self.secured


@dataclass(frozen=True, slots=True, kw_only=True)
class SFPA:
    """Start file positive answer (§5.3.4)."""

    acnt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SFNA:
    """Start file negative answer (§5.3.5)."""

    reas: str
    rrtr: bool
    reast: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CDT:
    """Set credit (§5.3.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EFID:
    """End file (§5.3.8): totals, also after a restart."""

    rcnt: int
    ucnt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EFPA:
    """End file positive answer (§5.3.9)."""

    cd: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EFNA:
    """End file negative answer (§5.3.10)."""

    reas: str
    reast: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ESID:
    """End session (§5.3.11)."""

    reas: str
    reast: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CD:
    """Change direction (§5.3.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EERP:
    """End to end response (§5.3.13): ``dest`` is the file's originator, ``orig`` its final recipient."""

    dsn: str
    date: str
    time: str
    user: str = ""
    dest: str
    orig: str
    hsh: bytes = b""
    sig: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NERP:
    """Negative end response (§5.3.14)."""

    dsn: str
    date: str
    time: str
    dest: str
    orig: str
    crea: str
    reas: str
    reast: str = ""
    hsh: bytes = b""
    sig: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RTR:
    """Ready to receive (§5.3.15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SECD:
    """Security change direction (§5.3.16)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AUCH:
    """Authentication challenge (§5.3.17): CMS over 20 random octets."""

    chal: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AURP:
    """Authentication response (§5.3.18): the 20 octets."""

    rsp: bytes = field(repr=False)


Command: TypeAlias = (
    SSRM | SSID | SFID | SFPA | SFNA | CDT | EFID | EFPA | EFNA | ESID | CD | EERP | NERP | RTR | SECD | AUCH | AURP
)
Receipt: TypeAlias = EERP | NERP


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A command's code, section and field table."""

    name: str
    section: str
    make: Callable[..., Command]
    fields: tuple[Field, ...]

    @property
    def code(self) -> str:
        """The first octet of the exchange buffer."""
        values = self.fields[0].values
        assert values is not None
        return next(iter(values))


def _field(position: int | None, name: str, kind: Kind, width: int, values: str = "") -> Field:
    return Field(position, name, kind, width, frozenset(values.split()) if values else None)


_C, _X, _9, _D, _YN, _CR = Kind.CODE, Kind.TEXT, Kind.NUMBER, Kind.DIGITS, Kind.FLAG, Kind.CARRIAGE_RETURN
_U, _T, _R, _NL, _UL = Kind.BINARY, Kind.UTF8, Kind.RESERVED, Kind.NUMERIC_LENGTH, Kind.BINARY_LENGTH

LAYOUTS: Final[tuple[Layout, ...]] = (
    Layout(
        name="SSRM",
        section="5.3.1",
        make=SSRM,
        fields=(
            _field(0, "SSRMCMD", _C, 1, "I"),
            _field(1, "SSRMMSG", Kind.READY, 17),
            _field(18, "SSRMCR", _CR, 1),
        ),
    ),
    Layout(
        name="SSID",
        section="5.3.2",
        make=SSID,
        fields=(
            _field(0, "SSIDCMD", _C, 1, "X"),
            _field(1, "SSIDLEV", _D, 1),
            _field(2, "SSIDCODE", _X, 25),
            _field(27, "SSIDPSWD", _X, 8),
            _field(35, "SSIDSDEB", _9, 5),
            _field(40, "SSIDSR", _X, 1, "S R B"),
            _field(41, "SSIDCMPR", _YN, 1),
            _field(42, "SSIDREST", _YN, 1),
            _field(43, "SSIDSPEC", _YN, 1),
            _field(44, "SSIDCRED", _9, 3),
            _field(47, "SSIDAUTH", _YN, 1),
            _field(48, "SSIDRSV1", _R, 4),
            _field(52, "SSIDUSER", _X, 8),
            _field(60, "SSIDCR", _CR, 1),
        ),
    ),
    Layout(
        name="SFID",
        section="5.3.3",
        make=SFID,
        fields=(
            _field(0, "SFIDCMD", _C, 1, "H"),
            _field(1, "SFIDDSN", _X, 26),
            _field(27, "SFIDRSV1", _R, 3),
            _field(30, "SFIDDATE", _D, 8),
            _field(38, "SFIDTIME", _D, 10),
            _field(48, "SFIDUSER", _X, 8),
            _field(56, "SFIDDEST", _X, 25),
            _field(81, "SFIDORIG", _X, 25),
            _field(106, "SFIDFMT", _X, 1, "F V U T"),
            _field(107, "SFIDLRECL", _9, 5),
            _field(112, "SFIDFSIZ", _9, 13),
            _field(125, "SFIDOSIZ", _9, 13),
            _field(138, "SFIDREST", _9, 17),
            _field(155, "SFIDSEC", _D, 2, "00 01 02 03"),
            _field(157, "SFIDCIPH", _D, 2),
            _field(159, "SFIDCOMP", _D, 1, "0 1"),
            _field(160, "SFIDENV", _D, 1, "0 1"),
            _field(161, "SFIDSIGN", _YN, 1),
            _field(162, "SFIDDESCL", _NL, 3),
            _field(165, "SFIDDESC", _T, 0),
        ),
    ),
    Layout(
        name="SFPA",
        section="5.3.4",
        make=SFPA,
        fields=(_field(0, "SFPACMD", _C, 1, "2"), _field(1, "SFPAACNT", _9, 17)),
    ),
    Layout(
        name="SFNA",
        section="5.3.5",
        make=SFNA,
        fields=(
            _field(0, "SFNACMD", _C, 1, "3"),
            _field(1, "SFNAREAS", _D, 2),
            _field(3, "SFNARRTR", _YN, 1),
            _field(4, "SFNAREASL", _NL, 3),
            _field(7, "SFNAREAST", _T, 0),
        ),
    ),
    # §5.3.6 DATA is no command of fields: its buffer is the business of ``stream``.
    Layout(
        name="CDT",
        section="5.3.7",
        make=CDT,
        fields=(_field(0, "CDTCMD", _C, 1, "C"), _field(1, "CDTRSV1", _R, 2)),
    ),
    Layout(
        name="EFID",
        section="5.3.8",
        make=EFID,
        fields=(
            _field(0, "EFIDCMD", _C, 1, "T"),
            _field(1, "EFIDRCNT", _9, 17),
            _field(18, "EFIDUCNT", _9, 17),
        ),
    ),
    Layout(
        name="EFPA",
        section="5.3.9",
        make=EFPA,
        fields=(_field(0, "EFPACMD", _C, 1, "4"), _field(1, "EFPACD", _YN, 1)),
    ),
    Layout(
        name="EFNA",
        section="5.3.10",
        make=EFNA,
        fields=(
            _field(0, "EFNACMD", _C, 1, "5"),
            _field(1, "EFNAREAS", _D, 2),
            _field(3, "EFNAREASL", _NL, 3),
            _field(6, "EFNAREAST", _T, 0),
        ),
    ),
    Layout(
        name="ESID",
        section="5.3.11",
        make=ESID,
        fields=(
            _field(0, "ESIDCMD", _C, 1, "F"),
            _field(1, "ESIDREAS", _D, 2),
            _field(3, "ESIDREASL", _NL, 3),
            _field(6, "ESIDREAST", _T, 0),
            _field(None, "ESIDCR", _CR, 1),
        ),
    ),
    Layout(name="CD", section="5.3.12", make=CD, fields=(_field(0, "CDCMD", _C, 1, "R"),)),
    Layout(
        name="EERP",
        section="5.3.13",
        make=EERP,
        fields=(
            _field(0, "EERPCMD", _C, 1, "E"),
            _field(1, "EERPDSN", _X, 26),
            _field(27, "EERPRSV1", _R, 3),
            _field(30, "EERPDATE", _D, 8),
            _field(38, "EERPTIME", _D, 10),
            _field(48, "EERPUSER", _X, 8),
            _field(56, "EERPDEST", _X, 25),
            _field(81, "EERPORIG", _X, 25),
            _field(106, "EERPHSHL", _UL, 2),
            _field(108, "EERPHSH", _U, 0),
            _field(None, "EERPSIGL", _UL, 2),
            _field(None, "EERPSIG", _U, 0),
        ),
    ),
    Layout(
        name="NERP",
        section="5.3.14",
        make=NERP,
        fields=(
            _field(0, "NERPCMD", _C, 1, "N"),
            _field(1, "NERPDSN", _X, 26),
            _field(27, "NERPRSV1", _R, 6),
            _field(33, "NERPDATE", _D, 8),
            _field(41, "NERPTIME", _D, 10),
            _field(51, "NERPDEST", _X, 25),
            _field(76, "NERPORIG", _X, 25),
            _field(101, "NERPCREA", _X, 25),
            _field(126, "NERPREAS", _D, 2),
            _field(128, "NERPREASL", _NL, 3),
            _field(131, "NERPREAST", _T, 0),
            _field(None, "NERPHSHL", _UL, 2),
            _field(None, "NERPHSH", _U, 0),
            _field(None, "NERPSIGL", _UL, 2),
            _field(None, "NERPSIG", _U, 0),
        ),
    ),
    Layout(name="RTR", section="5.3.15", make=RTR, fields=(_field(0, "RTRCMD", _C, 1, "P"),)),
    Layout(name="SECD", section="5.3.16", make=SECD, fields=(_field(0, "SECDCMD", _C, 1, "J"),)),
    Layout(
        name="AUCH",
        section="5.3.17",
        make=AUCH,
        fields=(
            _field(0, "AUCHCMD", _C, 1, "A"),
            _field(1, "AUCHCHLL", _UL, 2),
            _field(3, "AUCHCHAL", _U, 0),
        ),
    ),
    Layout(
        name="AURP",
        section="5.3.18",
        make=AURP,
        fields=(_field(0, "AURPCMD", _C, 1, "S"), _field(1, "AURPRSP", _U, 20)),
    ),
)
