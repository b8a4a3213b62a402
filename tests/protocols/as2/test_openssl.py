"""``openssl cms`` as the second opinion: it reads what we write, and we read what it writes."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.kernel.mime import Headers, TransferEncoding
from counterseal.protocols import as2, cms
from tests.builders import Minted
from tests.protocols.as2.parties import (
    BINARY,
    OnWire,
    alpha,
    alpha_ec,
    bravo,
    bravo_ec,
    built,
    document,
    encryption,
    open_,
    signing,
)
from tests.protocols.as2.test_receipt import a_receipt, built_receipt

pytestmark = [
    pytest.mark.openssl,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed"),
]

ENTITY = b"Content-Type: application/edifact\r\nContent-Transfer-Encoding: binary\r\n\r\n" + BINARY


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    ran = subprocess.run(["openssl", "cms", *map(str, arguments)], input=given, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@pytest.fixture
def pems(tmp_path: Path) -> Path:
    """``NAME.pem`` holds certificate and key."""
    for name, owner in {"alpha": alpha(), "alpha_ec": alpha_ec(), "bravo": bravo(), "bravo_ec": bravo_ec()}.items():
        (tmp_path / f"{name}.pem").write_bytes(owner.pem + owner.key_pem)
    return tmp_path


def as_mime(wire: OnWire) -> bytes:
    return Headers.of((("MIME-Version", "1.0"), ("Content-Type", wire.header("Content-Type")))).encode() + wire.body


def verified(wire: OnWire, folder: Path) -> bytes:
    """The signed part as openssl verified it. Cut out by hand, because openssl's own MIME reader spoils lone LFs."""
    _, content, signature, _ = wire.body.split(f"--{wire.boundary}".encode())
    (folder / "content").write_bytes(content.removeprefix(b"\r\n").removesuffix(b"\r\n"))
    der = base64.b64decode(signature.partition(b"\r\n\r\n")[2])
    return openssl("-verify", "-noverify", "-binary", "-inform", "DER", "-content", folder / "content", given=der)


def from_mime(text: bytes) -> OnWire:
    block, _, body = text.replace(b"\r\n", b"\n", 0).partition(b"\n\n")
    names = (("AS2-From", "ALPHA"), ("AS2-To", "BRAVO"), ("Message-ID", "<1@a>"))
    headers = dict(line.decode().split(": ", 1) for line in block.decode().replace("\n\t", " ").encode().splitlines())
    return OnWire((*names, *headers.items()), body)


WRITTEN_SIGNATURES = [
    (SignatureScheme.RSA_PKCS1, digest) for digest in (Digest.SHA1, Digest.SHA256, Digest.SHA384, Digest.SHA512)
] + [(SignatureScheme.RSA_PSS, Digest.SHA256), (SignatureScheme.ECDSA, Digest.SHA256), (SignatureScheme.ECDSA, Digest.SHA512)]  # fmt: skip


@pytest.mark.parametrize(("scheme", "digest"), WRITTEN_SIGNATURES)
def test_openssl_verifies_what_we_sign(tmp_path: Path, scheme: SignatureScheme, digest: Digest) -> None:
    wire = built(document(BINARY, file_name=None), sign=signing(digest=digest, scheme=scheme))
    assert verified(wire, tmp_path) == ENTITY


@pytest.mark.parametrize("size", [len(BINARY), None], ids=["DER", "BER"])
@pytest.mark.parametrize(
    "cipher",
    [
        cms.ContentCipher.AES_128_CBC,
        cms.ContentCipher.AES_192_CBC,
        cms.ContentCipher.AES_256_CBC,
        cms.ContentCipher.TRIPLE_DES_CBC,
        cms.ContentCipher.AES_256_GCM,
    ],
)
@pytest.mark.parametrize(
    "transport", [KeyTransport.RSA_PKCS1, KeyTransport.RSA_OAEP_SHA1, KeyTransport.RSA_OAEP_SHA256, KeyTransport.ECDH]
)
def test_openssl_decrypts_what_we_encrypt(
    pems: Path, cipher: cms.ContentCipher, transport: KeyTransport, size: int | None
) -> None:
    plan = encryption(cipher=cipher, transport=transport, authenticated=cipher.mode == "gcm")
    large = BINARY * 1000
    wire = built(document(large, file_name=None, size=size and len(large)), encrypt=plan)
    name = "bravo_ec" if transport is KeyTransport.ECDH else "bravo"
    plain = openssl("-decrypt", "-binary", "-inform", "DER", "-inkey", pems / f"{name}.pem", "-recip", pems / f"{name}.pem", given=wire.body)  # fmt: skip
    assert plain == ENTITY.removesuffix(BINARY) + large


def test_openssl_opens_a_signed_and_encrypted_message_layer_by_layer(pems: Path) -> None:
    wire = built(document(BINARY, file_name=None), sign=signing(), encrypt=encryption())
    signed = openssl("-decrypt", "-binary", "-inform", "DER", "-inkey", pems / "bravo.pem", given=wire.body)
    block, _, body = signed.partition(b"\r\n\r\n")
    inner = OnWire((("Content-Type", block.decode().removeprefix("Content-Type: ")),), body)
    assert verified(inner, pems) == ENTITY


@pytest.mark.parametrize("line_ends", [["-crlfeol"], []], ids=["CRLF", "LF"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("signer", ["alpha", "alpha_ec"])
def test_we_verify_what_openssl_signs(pems: Path, signer: str, digest: str, line_ends: list[str]) -> None:
    text = openssl("-sign", "-binary", *line_ends, "-signer", pems / f"{signer}.pem", "-md", digest, given=ENTITY)
    result = open_(from_mime(text.replace(b"\r\n", b"\n", 4) if line_ends else text))
    owner: Minted = alpha() if signer == "alpha" else alpha_ec()
    assert result.content == BINARY
    assert [s.certificate for s in result.message.signers] == [owner.certificate]


def test_we_verify_a_pss_signature_of_openssl(pems: Path) -> None:
    text = openssl("-sign", "-binary", "-signer", pems / "alpha.pem", "-keyopt", "rsa_padding_mode:pss", given=ENTITY)
    (signer,) = open_(from_mime(text)).message.signers
    assert signer.scheme is SignatureScheme.RSA_PSS


def test_we_verify_an_attached_signature_of_openssl(pems: Path) -> None:
    signed = openssl("-sign", "-nodetach", "-binary", "-outform", "DER", "-signer", pems / "alpha.pem", given=ENTITY)
    wire = cms_message(signed, "signed-data")
    result = open_(wire)
    assert result.content == BINARY
    assert [s.certificate for s in result.message.signers] == [alpha().certificate]
    tampered = wire.replaced(b"ORDERS", b"0RDERS")
    with pytest.raises(as2.NotOpened) as caught:
        open_(tampered)
    assert isinstance(caught.value.fault, cms.SignatureInvalid)


def cms_message(body: bytes, smime_type: str, *, media_type: str = "application/pkcs7-mime") -> OnWire:
    headers = (("AS2-From", "ALPHA"), ("AS2-To", "BRAVO"), ("Message-ID", "<1@a>"))
    return OnWire((*headers, ("Content-Type", f"{media_type}; smime-type={smime_type}")), body)


@pytest.mark.parametrize(
    "options",
    [
        ["-aes-128-cbc"],
        ["-aes-192-cbc"],
        ["-aes-256-cbc"],
        ["-des3"],
        ["-aes-256-cbc", "-stream"],
        ["-aes-256-gcm"],
        ["-aes-256-cbc", "-keyid"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("keyopt", [[], ["-keyopt", "rsa_padding_mode:oaep"]], ids=["pkcs1", "oaep"])
def test_we_decrypt_what_openssl_encrypts(pems: Path, options: list[str], keyopt: list[str]) -> None:
    body = openssl(
        "-encrypt", "-binary", "-outform", "DER", *options, "-recip", pems / "bravo.pem", *keyopt, given=ENTITY
    )
    result = open_(cms_message(body, "enveloped-data" if "gcm" not in options[0] else "authEnveloped-data"))
    assert result.content == BINARY
    assert not result.leniencies


def test_we_decrypt_what_openssl_encrypts_to_an_ec_key_and_another_recipient(pems: Path) -> None:
    body = openssl("-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", pems / "alpha.pem", pems / "bravo_ec.pem", given=ENTITY)  # fmt: skip
    assert open_(cms_message(body, "enveloped-data"), keys=[bravo_ec()]).content == BINARY


def test_our_receipt_verifies_with_openssl() -> None:
    wire = built_receipt(a_receipt(), sign=signing())
    report = openssl("-verify", "-noverify", given=as_mime(wire))
    assert b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n" in report


def test_base64_bodies_of_openssl_are_read_with_its_own_headers(pems: Path) -> None:
    text = openssl("-encrypt", "-binary", "-aes-256-cbc", "-outform", "SMIME", pems / "bravo.pem", given=ENTITY)
    wire = from_mime(text)
    assert wire.header("Content-Transfer-Encoding") == TransferEncoding.BASE64
    assert open_(wire).content == BINARY
