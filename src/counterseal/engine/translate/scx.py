"""Between certificate exchange in our words and the files of SCX that we send: names, contents, what is named as replaced."""

from dataclasses import dataclass
from typing import Final

from counterseal.domain.channel import SCXType
from counterseal.domain.virtual_file import RecordFormat, VirtualFile
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx import files
from counterseal.protocols.scx.logical_id import logical_id, write_clid
from counterseal.protocols.scx.offer import build_payload

CONTENT_TYPE: Final = "application/pkix-cert"
_FILES: Final = {
    SCXType.REQUEST: files.SCXType.REQUEST,
    SCXType.DELIVER: files.SCXType.DELIVER,
    SCXType.REPLACE: files.SCXType.REPLACE,
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
