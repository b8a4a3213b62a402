"""The fields of an agreement: AS2 terms, OFTP2 terms, rules of certificate exchange."""

from datetime import timedelta
from typing import Final

from counterseal.domain.agreement import Cipher, Compression, Profile, ReceiptMode, SignaturePadding, TransferEncoding
from counterseal.domain.community import CutoverRule, HandlingMode
from counterseal.engine.configuration.kinds import Block, Choice, Duration, Field, Flag, Many, Text, Whole
from counterseal.engine.configuration.texts import HOST, HTTP_URL, ODETTE_CODE, OPTIONAL_HTTP_URL, PATH
from counterseal.kernel.keys import Digest, KeyTransport

_SECOND: Final = timedelta(seconds=1)
_WEEK: Final = timedelta(days=7)
SECRET: Final = Block(
    title="secret",
    one_of=("env", "file", "value"),
    fields=(
        Field(
            name="env",
            kind=Text(expected="the name of an environment variable", pattern=r"[A-Za-z_][A-Za-z0-9_]*"),
            text="Taken from this environment variable.",
        ),
        Field(name="file", kind=PATH, text="Taken from the first line of this file."),
        Field(
            name="value",
            kind=Text(expected="the secret itself", lowest=1, highest=1000),
            text="Written here; mind who can read the file.",
        ),
    ),
)
EXCHANGE: Final = Block(
    title="exchange",
    fields=(
        Field(
            name="enabled",
            kind=Flag(),
            text="Whether certificates are exchanged with this partner at all.",
            default="true",
        ),
        Field(
            name="mode",
            kind=Choice(options=HandlingMode),
            text="Overrides the community's rule; absent: as the community.",
        ),
        Field(
            name="cutover",
            kind=Choice(options=CutoverRule),
            text="When our own certificate changes for this partner; absent: on-acceptance.",
        ),
        Field(
            name="self_healing",
            kind=Flag(),
            text="Switch back when the partner proves that it cannot use the new certificate.",
            default="true",
        ),
        Field(
            name="automatic_renewal_same_subject_only",
            kind=Flag(),
            text="Automatic renewals need an equal subject.",
            default="true",
        ),
        Field(
            name="response_url_hosts",
            kind=Many(of=HOST),
            text="Host names besides the agreement's own to which a CEM response may be posted.",
        ),
    ),
)
_RETRIES: Final = Many(of=Duration(lowest=_SECOND, highest=_WEEK), highest=50)

AS2: Final = Block(
    title="as2",
    fields=(
        Field(name="url", kind=HTTP_URL, text="The partner's AS2 URL.", required=True),
        Field(
            name="profile",
            kind=Choice(options=Profile),
            text="Which AS2 is spoken; never negotiated.",
            default="rfc4130",
        ),
        Field(name="sign", kind=Flag(), text="We sign.", default="true"),
        Field(name="encrypt", kind=Flag(), text="We encrypt.", default="true"),
        Field(name="compress", kind=Choice(options=Compression), text="We compress.", default="none"),
        Field(
            name="digest",
            kind=Choice(options=Digest, only=(Digest.SHA256, Digest.SHA384, Digest.SHA512)),
            text="Digest of our signatures.",
            default="sha-256",
        ),
        Field(name="padding", kind=Choice(options=SignaturePadding), text="For RSA signatures.", default="pkcs1"),
        Field(
            name="cipher",
            kind=Choice(options=Cipher),
            text="Content encryption; 3des-cbc is legacy and warned about.",
            default="aes-256-cbc",
        ),
        Field(
            name="gcm_in_enveloped_data",
            kind=Flag(),
            text="AES-GCM inside EnvelopedData, as some peers expect.",
            default="false",
        ),
        Field(
            name="key_transport",
            kind=Choice(options=KeyTransport),
            text="How the content key travels.",
            default="rsa-pkcs1",
        ),
        Field(
            name="transfer_encoding", kind=Choice(options=TransferEncoding), text="Of the MIME parts.", default="binary"
        ),
        Field(name="receipt", kind=Choice(options=ReceiptMode), text="The receipt that we ask for.", default="sync"),
        Field(name="receipt_signed", kind=Flag(), text="We ask for a signed one.", default="true"),
        Field(
            name="receipt_url",
            kind=OPTIONAL_HTTP_URL,
            text="Where asynchronous receipts for us are posted; absent: the station's URL.",
        ),
        Field(
            name="receipt_timeout",
            kind=Duration(lowest=_SECOND, highest=_WEEK),
            text="How long a receipt may take.",
            default="5m",
        ),
        Field(name="require_signed", kind=Flag(), text="Unsigned messages are refused.", default="true"),
        Field(name="require_encrypted", kind=Flag(), text="Unencrypted messages are refused.", default="true"),
        Field(
            name="async_receipt_hosts",
            kind=Many(of=HOST),
            text="Hosts besides that of `url` to which we post asynchronous receipts.",
        ),
        Field(
            name="accept_envelope_mic",
            kind=Flag(),
            text="Accept the digest of the CMS envelope as MIC.",
            default="false",
        ),
        Field(name="subject", kind=Text(), text="Subject header.", default="AS2 message"),
        Field(
            name="content_type",
            kind=Text(
                expected="a media type such as application/edi-x12",
                pattern=r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+",
            ),
            text="Of documents that bring none.",
            default="application/edi-consent",
        ),
        Field(name="preserve_file_name", kind=Flag(), text="The file name travels along.", default="true"),
        Field(
            name="chunked", kind=Flag(), text="Chunked transfer encoding instead of Content-Length.", default="false"
        ),
        Field(name="answer_204", kind=Flag(), text="`modern` only: 204 instead of a short 200.", default="false"),
        Field(
            name="retries",
            kind=_RETRIES,
            text="Waits between attempts.",
            default="30s, 2m, 5m, 15m, 30m, 1h, 2h, 4h, 8h, 8h",
        ),
        Field(
            name="connect_timeout",
            kind=Duration(lowest=_SECOND, highest=timedelta(minutes=10)),
            text="For connection and TLS.",
            default="30s",
        ),
        Field(name="basic_user", kind=Text(), text="HTTP basic authentication."),
        Field(name="basic_password", kind=SECRET, text="Its password; absent: what is stored is kept.", terms=False),
        Field(
            name="max_parallel",
            kind=Whole(lowest=1, highest=64),
            text="Messages to this partner at a time.",
            default="4",
        ),
        Field(
            name="strict_order",
            kind=Flag(),
            text="A document leaves only when every earlier one is settled; nothing overtakes a failed attempt.",
            default="false",
        ),
        Field(
            name="bare_document",
            kind=Flag(),
            text="Encrypted only: the document without its MIME header inside, as one product expects.",
            default="false",
        ),
        Field(name="encrypt_to_self", kind=Flag(), text="Our own certificate is a recipient too.", default="false"),
        Field(
            name="require_tls_client_certificate",
            kind=Flag(),
            text="Refuse a message whose connection shows no client certificate of this partner's. Not behind a proxy that ends TLS.",
            default="false",
        ),
        Field(
            name="maximum_message_bytes",
            kind=Whole(lowest=1024, highest=2**50),
            text="A larger message of this partner is refused; absent: the gateway's own limit.",
        ),
        Field(
            name="messages_per_minute",
            kind=Whole(lowest=1, highest=1_000_000),
            text="More messages of this partner are put off with HTTP 429; absent: no limit.",
        ),
        Field(
            name="max_parallel_in",
            kind=Whole(lowest=1, highest=1024),
            text="Messages of this partner taken at a time; more are put off with HTTP 503.",
            default="128",
        ),
    ),
)

OFTP2: Final = Block(
    title="oftp2",
    fields=(
        Field(name="host", kind=HOST, text="The partner's host.", required=True),
        Field(name="port", kind=Whole(lowest=1, highest=65535), text="Its port.", default="6619"),
        Field(name="tls", kind=Flag(), text="TLS; off: plain.", default="true"),
        Field(name="ssid_code", kind=ODETTE_CODE, text="The partner's SSIDCODE.", required=True),
        Field(
            name="our_ssid_code",
            kind=ODETTE_CODE,
            text="Our SSIDCODE where the station is a sub-station; absent: the station's identity.",
        ),
        Field(
            name="our_password", kind=SECRET, text="SSIDPSWD that we send; absent: what is stored is kept.", terms=False
        ),
        Field(
            name="their_password",
            kind=SECRET,
            text="SSIDPSWD that we expect; absent: what is stored is kept.",
            terms=False,
        ),
        Field(
            name="secure_authentication", kind=Flag(), text="Both sides prove their keys at the start.", default="false"
        ),
        Field(name="sign", kind=Flag(), text="We sign files.", default="true"),
        Field(name="compress", kind=Flag(), text="We compress files.", default="true"),
        Field(name="encrypt", kind=Flag(), text="We encrypt files.", default="true"),
        Field(
            name="cipher_suite",
            kind=Whole(lowest=1, highest=6),
            text="01 to 06 (RFC 5024 and its successors).",
            default="2",
        ),
        Field(name="receipt_signed", kind=Flag(), text="We ask for a signed EERP.", default="true"),
        Field(name="require_signed", kind=Flag(), text="Unsigned files are refused.", default="true"),
        Field(name="require_encrypted", kind=Flag(), text="Unencrypted files are refused.", default="true"),
        Field(name="require_signed_receipt", kind=Flag(), text="Unsigned receipts are refused.", default="true"),
        Field(
            name="buffer_bytes", kind=Whole(lowest=128, highest=99999), text="Data exchange buffer.", default="65535"
        ),
        Field(name="credit", kind=Whole(lowest=2, highest=999), text="Buffers before a CDT.", default="99"),
        Field(name="buffer_compression", kind=Flag(), text="Run-length compression of buffers.", default="false"),
        Field(name="restart", kind=Flag(), text="Broken transfers go on where they stopped.", default="true"),
        Field(
            name="count_secured_records",
            kind=Flag(),
            text="EFIDRCNT of secured F and V files is the original's count (RFC 5024 5.3.8); off: 0.",
            default="true",
        ),
        Field(name="may_call", kind=Flag(), text="We dial; off: we wait until it calls.", default="true"),
        Field(
            name="poll_every",
            kind=Duration(lowest=timedelta(minutes=1), highest=_WEEK),
            text="Dial even with nothing to send; absent: never.",
        ),
        Field(name="parallel_sessions", kind=Whole(lowest=1, highest=16), text="At a time.", default="1"),
        Field(
            name="dataset_names",
            kind=Many(of=Text(expected="a pattern of a dataset name", lowest=1, highest=26)),
            text="Accepted dataset names; absent: all.",
        ),
        Field(
            name="dataset_name",
            kind=Text(expected="1 to 26 of A-Z 0-9 / - . & ( )", pattern=r"[A-Z0-9/.&()-]{1,26}"),
            text="Of files that bring none; absent: made from the file name.",
        ),
        Field(
            name="hold_receipts",
            kind=Flag(),
            text="A person decides between EERP and NERP for every received file.",
            default="false",
        ),
        Field(name="strict", kind=Flag(), text="No leniencies.", default="false"),
        Field(name="first_exchange", kind=Flag(), text="An SCX Request may start the relationship.", default="false"),
        Field(
            name="announced",
            kind=Many(of=Text(expected="SUBJECT | ISSUER | FLAGS", lowest=3, highest=1000)),
            text="Identities announced for the first exchange; a Request with another certificate is rejected. Flags: digitalSignature, keyEncipherment, clientAuth, serverAuth. Absent: any may begin it.",
        ),
        Field(
            name="answer_all_usages",
            kind=Flag(),
            text="A Request is answered with receipt and session certificates too.",
            default="false",
        ),
        Field(
            name="scx_rule",
            kind=Text(expected="exact, no-eku, clid, lenient or unknown", pattern="exact|no-eku|clid|lenient|unknown"),
            text="How the partner matches a certificate.",
            default="unknown",
        ),
        Field(
            name="retries",
            kind=_RETRIES,
            text="Waits between attempts.",
            default="30s, 2m, 5m, 15m, 30m, 1h, 2h, 4h, 8h, 8h",
        ),
        Field(
            name="inactivity",
            kind=Duration(lowest=_SECOND, highest=timedelta(hours=1)),
            text="A silent session ends after it.",
            default="3m",
        ),
    ),
)
