"""OpenAS2 as its operators run it: a folder of configuration, documents dropped into an outbox, receipts and documents as files."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from tests.journeys.nursery import eventually, listens
from tests.peers.forms import Form
from tests.peers.peer import PASSWORD, Peer, Told
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
      errordir="%home%/error" sentdir="%home%/sent" interval="1" delimiters="~" sendfilename="true" mergeextratokens="false"
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

    has_driver = False

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
            found["encrypt"] = CIPHERS.get(form.encrypt, "AES256")
        if form.compress != "none":
            found |= {"compression_type": "ZLIB", "compression_mode": f"compress-{form.compress}"}
        # It insists on this option where no receipt is asked for, too.
        found["as2_mdn_options"] = "none"
        if form.receipt != "none":
            found["as2_mdn_to"] = "p@p.example"
            digest = form.sign.replace("-", "") or "sha256"
            if form.receipt_signed:
                found["as2_mdn_options"] = (
                    f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {digest}"
                )
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

    def queue(self, form: Form, content: bytes, name: str) -> None:
        """Into the outbox, which it looks at each second."""
        waiting = self.folder / "temp" / name
        waiting.write_bytes(content)
        os.utime(waiting, (0, 0))
        waiting.rename(self.folder / "outbox" / f"{form.identity(self.name)}~{NAME}~{name}")

    def outcome(self, form: Form, name: str) -> Told:
        ended = ""

        def has_ended() -> bool:
            nonlocal ended
            ended = self._ended(form, name)
            return bool(ended)

        eventually(has_ended)
        receipt = self._receipt(form)
        return Told(
            status=200 if ended == "sent" else 0,
            disposition=_disposition(receipt),
            signed="pkcs7-signature" in receipt,
            mic=self._mic(form),
            error="" if ended == "sent" else f"the document went to {ended!r}",
        )

    def _ended(self, form: Form, name: str) -> str:
        """The folder that the document came to: its verdict. It moves no document that asked for no receipt; then its log says it."""
        if form.receipt == "none" and re.search(rf"response received in .*@{self._way(form)}>", self._said()):
            return "sent"
        folders = ("sent", "error")
        return next((f for f in folders if any(p.name == name for p in (self.folder / f).iterdir())), "")

    def _way(self, form: Form) -> str:
        """How its Message-IDs end."""
        return f"{re.escape(form.identity(self.name))}_{NAME}"

    def _said(self) -> str:
        return self.log.read_text(errors="replace")

    def _receipt(self, form: Form) -> str:
        paths = list((self.folder / "receipts").glob(f"{form.identity(self.name)}~*"))
        return paths[0].read_text(errors="replace") if paths else ""

    def _mic(self, form: Form) -> str:
        found = re.search(rf"MIC (is|not) matched.*@{self._way(form)}>", self._said())
        return "absent" if found is None else {"is": "equal", "not": "different"}[found[1]]

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
        # It tells of MICs that are equal on this level only.
        "-Dorg.openas2.logging.log.AS2Util=TRACE",
        "org.openas2.app.OpenAS2Server",
        str(folder / "config.xml"),
    )
