"""OpenAS2 as its operators run it: a folder of configuration, documents dropped into an outbox, receipts and documents as files."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from tests.journeys.nursery import eventually, listens
from tests.peers.forms import Form
from tests.peers.peer import PASSWORD, PATIENCE, Peer, Told
from tests.peers.served import NAME, Gateway, where_peers_are

CIPHERS: Final = {
    "aes-128-cbc": "AES128",
    "aes-192-cbc": "AES192",
    "aes-256-cbc": "AES256",
    "3des-cbc": "3DES",
}

CONFIGURATION: Final = """\
<openas2>
  <properties log_date_format="yyyy-MM-dd HH:mm:ss.SSS"/>
  <certificates classname="org.openas2.cert.PKCS12CertificateFactory" filename="%home%/certificates.p12"
    password="{password}" interval="3600"/>
  <partnerships classname="org.openas2.partner.XMLPartnershipFactory" filename="%home%/partnerships.xml" interval="3600"/>
  <loggers><logger classname="org.openas2.logging.ConsoleLogger"/></loggers>
  <processor classname="org.openas2.processor.DefaultProcessor" pendingMDN="%home%/pending"
    pendingMDNinfo="%home%/pending-info">
    <module classname="org.openas2.processor.sender.AS2SenderModule" retries="0" connecttimeout="5000" readtimeout="60000"/>
    <module classname="org.openas2.processor.sender.MDNSenderModule" retries="2"/>
    <module classname="org.openas2.processor.storage.MDNFileModule" protocol="as2" tempdir="%home%/temp"
      filename="%home%/receipts/$mdn.msg.sender.as2_id$~$rand.123456789$"/>
    <module classname="org.openas2.processor.storage.MessageFileModule" protocol="as2" tempdir="%home%/temp"
      filename="%home%/received/$msg.receiver.as2_id$~$rand.123456789$~$msg.content-disposition.filename$"/>
    <module classname="org.openas2.processor.receiver.AS2DirectoryPollingModule" outboxdir="%home%/outbox"
      errordir="%home%/error" sentdir="%home%/sent" interval="1" delimiters="~" mergeextratokens="false"
      protocol="as2" mimetype="application/octet-stream" resend_max_retries="0"
      stored_sent_filename="$msg.attributes.filename$" stored_error_filename="$msg.attributes.filename$"
      format="sender.as2_id, receiver.as2_id, attributes.filename"/>
    <module classname="org.openas2.processor.receiver.AS2ReceiverModule" address="127.0.0.1" port="{port}"
      errordir="%home%/refused"/>
    <module classname="org.openas2.processor.receiver.AS2MDNReceiverModule" address="127.0.0.1" port="{receipt_port}"/>
  </processor>
</openas2>
"""


@dataclass
class OpenAS2(Peer):
    """Two listeners; no driver of ours."""

    def write_files(self, gateway: Gateway) -> None:
        for name in ("outbox", "sent", "error", "receipts", "refused", "pending", "pending-info", "temp"):
            (self.folder / name).mkdir()
        # The certificate store of a Java product of its age: neither AES nor SHA-2 around the keys.
        encryption = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(PASSWORD.encode())
        )
        others = [pkcs12.PKCS12Certificate(gateway.ours.certificate.load(), b"gateway")]
        own = self.minted.certificate.load()
        store = pkcs12.serialize_key_and_certificates(b"own", self.minted.key, own, others, encryption)
        (self.folder / "certificates.p12").write_bytes(store)
        written = CONFIGURATION.format(password=PASSWORD, port=self.port, receipt_port=self.receipt_port)
        (self.folder / "config.xml").write_text(written)
        (self.folder / "partnerships.xml").write_text(self._partnerships(gateway))

    def _partnerships(self, gateway: Gateway) -> str:
        lines = [
            "<partnerships>",
            f'<partner name="gateway" as2_id="{NAME}" x509_alias="gateway" email="g@g.example"/>',
        ]
        for form in self.forms:
            own = form.identity(self.name)
            lines.append(f'<partner name="{own}" as2_id="{own}" x509_alias="own" email="p@p.example"/>')
            lines.append(_partnership(own, "gateway", self._attributes(form, gateway.url_for(form))))
            lines.append(
                _partnership("gateway", own, {"as2_url": gateway.url, "content_transfer_encoding": form.encoding})
            )
        return "\n".join([*lines, "</partnerships>"])

    def _attributes(self, form: Form, url: str) -> dict[str, str]:
        found = {
            "as2_url": url,
            "subject": "a document",
            "content_transfer_encoding": form.encoding,
            "resend_max_retries": "0",
            "no_chunked_max_size": "0" if form.chunked else "104857600",
        }
        if form.sign:
            found["sign"] = form.sign.replace("-", "")
        if form.encrypt:
            found["encrypt"] = CIPHERS[form.encrypt]
        if form.compress != "none":
            found |= {"compression_type": "ZLIB", "compression_mode": f"compress-{form.compress}"}
        if form.receipt != "none":
            found["as2_mdn_to"] = "p@p.example"
            digest = form.sign.replace("-", "") or "sha256"
            if form.receipt_signed:
                found["as2_mdn_options"] = (
                    f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {digest}"
                )
            else:
                found["as2_mdn_options"] = "none"
        if form.receipt == "async":
            found["as2_receipt_option"] = f"http://127.0.0.1:{self.receipt_port}/receipts"
        return found

    def await_ready(self) -> None:
        assert self.process is not None
        process = self.process

        def ready() -> bool:
            return process.poll() is not None or (listens(self.port) and listens(self.receipt_port))

        assert eventually(ready), self.words()
        assert process.poll() is None, self.words()

    def send(self, form: Form, content: bytes, name: str) -> Told:
        waiting = self.folder / "temp" / name
        waiting.write_bytes(content)
        told_before = len(self.words_of_mics())
        os.utime(waiting, (0, 0))
        waiting.rename(self.folder / "outbox" / f"{form.identity(self.name)}~{NAME}~{name}")
        ended = self._ended(name)
        receipts = self._receipts(form)
        if form.receipt != "none" and ended == "sent":
            eventually(lambda: bool(self._receipts(form)))
            receipts = self._receipts(form)
        mics = self.words_of_mics()[told_before:]
        return Told(
            status=200 if ended == "sent" else 0,
            disposition=_disposition(receipts[-1]) if receipts else "",
            signed=bool(receipts) and "pkcs7-signature" in receipts[-1],
            mic=mics[-1] if mics else "absent",
            error="" if ended == "sent" else f"the document went to {ended!r}",
        )

    def _ended(self, name: str) -> str:
        """The folder that the document came to: its verdict."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for folder in ("sent", "error"):
                if any(name in path.name for path in (self.folder / folder).iterdir()):
                    return folder
            time.sleep(0.05)
        return "nowhere"

    def _receipts(self, form: Form) -> list[str]:
        paths = (self.folder / "receipts").glob(f"*{form.identity(self.name)}*")
        return [path.read_text(errors="replace") for path in sorted(paths)]

    def words_of_mics(self) -> list[str]:
        """What its log says of MICs, oldest first."""
        said = self.log.read_text(errors="replace")
        return [
            "equal" if match[1].lower() == "is matched" else "different"
            for match in re.finditer(r"mic (is matched|is not matched)", said, re.IGNORECASE)
        ]

    def delivered(self, form: Form) -> list[tuple[str, bytes]]:
        found = sorted(self.inbox.glob(f"{form.identity(self.name)}~*"))
        return [(path.name.split("~", 2)[2], path.read_bytes()) for path in found]


def _partnership(sender: str, receiver: str, attributes: dict[str, str]) -> str:
    inside = "".join(
        f"<attribute name={quoteattr(name)} value={quoteattr(value)}/>"
        for name, value in {"protocol": "as2", **attributes}.items()
    )
    return (
        f'<partnership name="{sender}-to-{receiver}"><sender name="{sender}"/><receiver name="{receiver}"/>'
        f"{inside}</partnership>"
    )


def _disposition(receipt: str) -> str:
    found = re.search(r"^Disposition:\s*(.+(?:\n[ \t].*)*)", receipt, re.IGNORECASE | re.MULTILINE)
    return found[1].strip() if found else ""


def java(product: str, *arguments: str) -> tuple[str, ...]:
    """A Java process with a small heap and no more threads than there is room for."""
    folder = where_peers_are() / product
    # The index in the jar of OpenAS2 hides the mailcap of the mail library, unless its jar was opened before.
    first = ":".join(str(path) for path in (folder / "lib").glob("javax.mail-*.jar"))
    path = f"{folder / 'classes'}:{first}:{folder / 'lib'}/*"
    return ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, *arguments)


def command(folder: Path) -> tuple[str, ...]:
    return java(
        "openas2",
        "-Dorg.apache.commons.logging.Log=org.openas2.logging.Log",
        "org.openas2.app.OpenAS2Server",
        str(folder / "config.xml"),
    )
