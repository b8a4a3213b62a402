"""Between certificate exchange in our words and SCX: the files that we send, and what partners' rules will make of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from counterseal.domain.channel import SCXRule, SCXType
from counterseal.domain.virtual_file import RecordFormat, VirtualFile
from counterseal.domain.wizard import FieldDifference, Forecast
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx import files
from counterseal.protocols.scx.logical_id import logical_id, write_clid
from counterseal.protocols.scx.matching import MatchRule
from counterseal.protocols.scx.offer import build_payload
from counterseal.protocols.scx.preflight import preflight

CONTENT_TYPE: Final = "application/pkix-cert"
_FILES: Final = {
    SCXType.REQUEST: files.SCXType.REQUEST,
    SCXType.DELIVER: files.SCXType.DELIVER,
    SCXType.REPLACE: files.SCXType.REPLACE,
}
_RULES: Final[Mapping[SCXRule, MatchRule]] = {
    SCXRule.EXACT: MatchRule.EXACT,
    SCXRule.NO_EKU: MatchRule.WITHOUT_EKU,
    SCXRule.CLID: MatchRule.FLAGS,
    SCXRule.LENIENT: MatchRule.CLID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """One SCX file as the payload of a document."""

    file: VirtualFile
    content: bytes


def build_file(kind: SCXType, certificate: Certificate, *, replaced: Certificate | None) -> CertificateFile:
    """The file that says ``kind`` about our certificate: plain DER, unsecured whatever the agreement wishes (SCX-2 to SCX-4).

    ``replaced`` is named in SFIDDESC (CLID, oftp2-scx.md 6.3): some partners find by it what they could not match, the others
    pass over it. ``None``, or a name too long for it: SFIDDESC is empty.
    """
    clid = write_clid(logical_id(replaced)) if replaced is not None else None
    values = files.file_values(_FILES[kind], description=clid or "")
    return CertificateFile(
        file=VirtualFile(
            dataset_name=values.dsn.value,
            format=RecordFormat(values.fmt),
            record_length=values.lrecl,
            description=values.desc,
            sign=False,
            compress=False,
            encrypt=False,
            receipt_signed=values.sign,
        ),
        content=build_payload(certificate),
    )


@lru_cache(maxsize=1024)
def forecasts(new: Certificate, old: Certificate, *, named: bool) -> Mapping[SCXRule, Forecast]:
    """What each rule makes of ``new`` where the partner has ``old``. ``named``: the message would name this one.

    Kept, because hundreds of partners have the same certificate of ours, and comparing costs more than all else on the page.
    """
    writable = named and write_clid(logical_id(old)) is not None
    return {rule: _forecast(rule, new, old, named=writable) for rule in SCXRule}


def _forecast(rule: SCXRule, new: Certificate, old: Certificate, *, named: bool) -> Forecast:
    by_name = rule is SCXRule.LENIENT and named
    found = preflight(new, old, MatchRule.LENIENT if rule is SCXRule.LENIENT and not named else _RULES[rule])
    return Forecast(
        matches=found.matches,
        named=by_name and bool(found.different),
        equal=tuple(_WORDS.get(a.value, a.value) for a in found.equal),
        different=tuple(
            FieldDifference(field=_WORDS.get(d.attribute.value, d.attribute.value), old=d.old, new=d.new)
            for d in found.different
        ),
        rewritten=tuple(a.value for a in found.rewritten),
    )


_WORDS: Final[Mapping[str, str]] = {
    "extended key usage, where both have it": "extended key usage",
    "signature, encipherment, client and server flags": "flags",
}
