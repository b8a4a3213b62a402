"""What a simulated partner can say: documents, certificate messages, receipts; right, or wrong in one chosen way."""

import secrets
from collections.abc import Callable
from datetime import datetime

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import as2, cem, cms
from counterseal_sim.dials import Dials
from counterseal_sim.party import Counterpart, Party
from counterseal_sim.wire import HOST, Offered, Wire


class Speaker:
    """Writes messages of one party for one gateway. ``now`` is asked for every message."""

    def __init__(self, party: Party, gateway: Counterpart, *, now: Callable[[], datetime], dials: Dials) -> None:
        self.party = party
        self.gateway = gateway
        self.dials = dials
        self._now = now

    def document(
        self,
        content: bytes,
        *,
        sign: bool = True,
        encrypt: bool = True,
        compress: bool = False,
        receipt_url: str | None = None,
        wants_receipt: bool = True,
        signed_receipt: bool = True,
        message_id: str | None = None,
        signed_by: Party | None = None,
        encrypts_to: Certificate | None = None,
        file_name: str = "orders.edi",
    ) -> Wire:
        """A business document on the wire."""
        entity = as2.document_entity(
            (content,), content_type="application/edifact", file_name=file_name, size=len(content)
        )
        return self._build(
            entity,
            sign=(signed_by or self.party) if sign else None,
            encrypt=(encrypts_to or self.gateway.encrypts_to) if encrypt else None,
            compress=compress,
            receipt=self._wanted(receipt_url, signed=signed_receipt) if wants_receipt else None,
            message_id=message_id,
        )

    def cem_request(
        self,
        *offered: Offered,
        request_id: str | None = "",
        name: str | None = None,
        sign: bool = True,
        encrypt: bool = False,
        compress: bool = False,
        signed_by: Party | None = None,
        message_id: str | None = None,
        mend: Callable[[bytes], bytes] = bytes,
    ) -> Wire:
        """A certificate exchange request. ``mend`` changes the whole multipart before it is signed; a ``request_id`` of
        ``None`` is left out."""
        token = secrets.token_hex(6)
        root, *part_ids = cem.content_ids(token, HOST, len(offered))
        made_id = f"sim-{token}@{HOST}" if request_id in {"", None} else request_id
        request = cem.Request(
            request_id=made_id,
            partner=cem.TradingPartner(name=name or self.party.name, qualifier="AS2"),
            originated_at=cem.WireTime.of(self._now()),
            trust_requests=tuple(
                cem.TrustRequest(
                    usages=one.usages,
                    respond_by=cem.WireTime.of(one.respond_by) if one.respond_by else None,
                    response_url=self.party.url if one.response_url is None else one.response_url,
                    identifier=cem.CertificateIdentifier.of(one.certificate),
                    content_id=part_id,
                )
                for one, part_id in zip(offered, part_ids, strict=True)
            ),
        )
        packed = cem.build_request(
            request,
            [(one.certificate, *one.chain) for one in offered],
            root_content_id=root,
            allow_incomplete_chains=True,
        )
        body = packed.body
        if request_id is None:
            body = body.replace(f' requestId="{made_id}"'.encode(), b"")
        return self._cem(
            packed,
            mend(body),
            sign=sign,
            encrypt=encrypt,
            compress=compress,
            signed_by=signed_by,
            message_id=message_id,
        )

    def cem_response(
        self,
        request_id: str | None,
        *answers: cem.TrustResponse,
        name: str | None = None,
        sign: bool = True,
        signed_by: Party | None = None,
        message_id: str | None = None,
        mend: Callable[[bytes], bytes] = bytes,
    ) -> Wire:
        response = cem.Response(
            request_id=request_id,
            partner=cem.TradingPartner(name=name or self.party.name, qualifier="AS2"),
            originated_at=cem.WireTime.of(self._now()),
            trust_responses=answers,
        )
        (root,) = cem.content_ids(secrets.token_hex(6), HOST, 0)
        packed = cem.build_response(response, root_content_id=root)
        return self._cem(
            packed,
            mend(packed.body),
            sign=sign,
            encrypt=False,
            compress=False,
            signed_by=signed_by,
            message_id=message_id,
        )

    def receipt(
        self,
        original: str,
        *,
        disposition: as2.Disposition = as2.PROCESSED,
        mic: as2.MIC | None = None,
        sign: bool = True,
        signed_by: Party | None = None,
    ) -> Wire:
        """A receipt for the message ``original`` (without brackets)."""
        party = signed_by or self.party
        made = as2.Receipt(
            as2_from=self.party.name,
            as2_to=self.gateway.name,
            message_id=as2.new_message_id(secrets.token_hex(16), HOST),
            date=self._now(),
            subject="Receipt",
            original_message_id=f"<{original}>",
            disposition=disposition,
            mic=mic,
            text="This is a receipt of the simulated partner.",
            details=(),
            profile=as2.Profile.RFC4130,
            features=self._features(),
            product="counterseal-sim",
        )
        plan = self._signing(party) if sign else None
        built = as2.build_receipt(made, sign=plan, preamble=True, entropy=secrets.token_bytes)
        return Wire(message_id=made.message_id, headers=built.headers, body=built.body)

    def _cem(
        self,
        packed: cem.Packed,
        body: bytes,
        *,
        sign: bool,
        encrypt: bool,
        compress: bool,
        signed_by: Party | None,
        message_id: str | None,
    ) -> Wire:
        content_type = packed.headers.get("Content-Type") or ""
        entity = as2.Entity(
            headers=(("Content-Type", content_type),), body=(body,), size=len(body), transfer_encoding=None
        )
        return self._build(
            entity,
            sign=(signed_by or self.party) if sign else None,
            encrypt=self.gateway.encrypts_to if encrypt else None,
            compress=compress,
            receipt=self._wanted(None, signed=True),
            message_id=message_id,
        )

    def _build(
        self,
        entity: as2.Entity,
        *,
        sign: Party | None,
        encrypt: Certificate | None,
        compress: bool,
        receipt: as2.WantedReceipt | None,
        message_id: str | None,
    ) -> Wire:
        made_id = message_id or as2.new_message_id(secrets.token_hex(16), HOST)
        envelope = as2.Envelope(
            as2_from=self.party.name,
            as2_to=self.gateway.name,
            message_id=made_id,
            date=self._now(),
            subject="Simulated message",
            receipt=receipt,
            profile=as2.Profile.RFC4130,
            features=self._features(),
            product="counterseal-sim",
        )
        protection = as2.Protection(
            sign=self._signing(sign) if sign else None,
            encrypt=_encryption(encrypt) if encrypt else None,
            compress=as2.Compression.BEFORE_SIGNING if compress else as2.Compression.NONE,
        )
        built = as2.build_message(entity, envelope=envelope, protection=protection, entropy=secrets.token_bytes)
        body = b"".join(bytes(chunk) for chunk in built.chunks())
        return Wire(message_id=made_id, headers=built.headers, body=body, mics=dict(built.mics))

    def _features(self) -> tuple[str, ...]:
        return ("CEM", "multiple-attachments") if self.dials.announces_cem else ("multiple-attachments",)

    def _wanted(self, url: str | None, *, signed: bool) -> as2.WantedReceipt:
        return as2.WantedReceipt(
            mode=as2.ReceiptMode.SYNC if url is None else as2.ReceiptMode.ASYNC,
            signed=signed,
            micalgs=(Digest.SHA256,),
            url=url,
            to=f"as2@{HOST}",
        )

    def _signing(self, party: Party) -> cms.SigningPlan:
        return cms.SigningPlan(
            signer=party.signer,
            digest=Digest.SHA256,
            scheme=SignatureScheme.ECDSA if party.signer.kind.value == "ec" else SignatureScheme.RSA_PKCS1,
            certificates=(party.certificate.der, *(c.der for c in party.chain)),
            signing_time=self._now(),
        )


def _encryption(recipient: Certificate) -> cms.EncryptionPlan:
    return cms.EncryptionPlan(
        recipients=(recipient,),
        transport=KeyTransport.RSA_PKCS1,
        cipher=cms.ContentCipher.AES_256_CBC,
        authenticated=False,
        allow_legacy=False,
    )
