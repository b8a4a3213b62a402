"""Every algorithm combination, both directions, against ``openssl cms``."""

import functools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    ContentCipher,
    EncryptionPlan,
    certs_only,
    decrypt,
    read_certs_only,
    signature_digests,
    verify_detached,
)
from tests.protocols.cms.keys import HeldKey, ec_holder, rsa_holder
from tests.protocols.cms.messages import (
    CBC,
    DIGESTS,
    GCM,
    LARGE,
    RSA_TRANSPORTS,
    TEXT,
    attached,
    detached,
    digest_of,
    encrypted,
    encrypting,
    hash_name,
    pieces,
    read_encrypted,
    read_signed,
    signing,
    whole,
)

pytestmark = [
    pytest.mark.openssl,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed"),
]

HOLDERS: dict[str, Callable[[], HeldKey]] = {
    "rsa": rsa_holder,
    "p256": functools.partial(ec_holder, "p256"),
    "p384": functools.partial(ec_holder, "p384"),
    "p521": functools.partial(ec_holder, "p521"),
}
SIGNATURES = [("rsa", SignatureScheme.RSA_PKCS1, digest) for digest in DIGESTS]
SIGNATURES += [("rsa", SignatureScheme.RSA_PSS, digest) for digest in DIGESTS]
SIGNATURES += [(curve, SignatureScheme.ECDSA, digest) for curve in ("p256", "p384", "p521") for digest in DIGESTS]

ENVELOPES = [(transport, cipher, False) for transport in RSA_TRANSPORTS for cipher in CBC]
ENVELOPES += [(transport, cipher, True) for transport in RSA_TRANSPORTS for cipher in GCM]
ECDH = [(curve, cipher) for curve in ("p256", "p384", "p521") for cipher in CBC + GCM]
# Every cipher under openssl's own KDF, every KDF under one cipher.
ECDH_READ = [(curve, cipher, "sha1") for curve, cipher in ECDH]
ECDH_READ += [
    (curve, ContentCipher.AES_256_CBC, kdf)
    for curve in ("p256", "p384", "p521")
    for kdf in ("sha224", "sha256", "sha384", "sha512")
]
OPENSSL_CIPHER = {ContentCipher.TRIPLE_DES_CBC: "des-ede3-cbc"}


class OpenSSL:
    """The command, in a folder with the keys it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, **files: bytes) -> bytes:
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        command = ["openssl", "cms", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def certificate(self, holder: HeldKey) -> str:
        return self._written(f"{holder.certificate.fingerprint}.pem", holder.certificate.pem.encode())

    def key(self, holder: HeldKey) -> str:
        return self._written(f"{holder.certificate.fingerprint}.key", holder.key_pem)

    def _written(self, name: str, content: bytes) -> str:
        if not (self.folder / name).exists():
            (self.folder / name).write_bytes(content)
        return name


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    return OpenSSL(tmp_path_factory.mktemp("openssl"))


def _sign_options(openssl: OpenSSL, holder: HeldKey, scheme: SignatureScheme, digest: Digest) -> list[str]:
    options = ["-sign", "-binary", "-in", "content", "-outform", "DER", "-md", hash_name(digest)]
    options += ["-signer", openssl.certificate(holder), "-inkey", openssl.key(holder)]
    if scheme is SignatureScheme.RSA_PSS:
        options += ["-keyopt", "rsa_padding_mode:pss"]
    return options


@pytest.mark.parametrize(("key", "scheme", "digest"), SIGNATURES)
def test_openssl_verifies_our_signatures(openssl: OpenSSL, key: str, scheme: SignatureScheme, digest: Digest) -> None:
    holder = HOLDERS[key]()
    plan = signing(holder, scheme=scheme, digest=digest, capabilities=(ContentCipher.AES_256_CBC,))
    check = ["-verify", "-binary", "-noverify", "-inform", "DER", "-in", "message", "-certfile"]
    check.append(openssl.certificate(holder))
    assert openssl(*check, "-content", "content", message=detached(TEXT, plan), content=TEXT) == TEXT
    assert openssl(*check, message=attached(TEXT, plan)) == TEXT
    assert openssl(*check, message=attached(TEXT, plan, definite=False)) == TEXT


@pytest.mark.parametrize(("key", "scheme", "digest"), SIGNATURES)
def test_signatures_of_openssl_verify(openssl: OpenSSL, key: str, scheme: SignatureScheme, digest: Digest) -> None:
    holder = HOLDERS[key]()
    options = _sign_options(openssl, holder, scheme, digest)
    signature = openssl(*options, content=TEXT)
    assert signature_digests(signature, limits=DEFAULT_LIMITS) == {digest}
    digests = {digest: digest_of(TEXT, digest)}
    signed = verify_detached(signature, digests, candidates=[holder.certificate], limits=DEFAULT_LIMITS)
    (signer,) = signed.signers
    assert (signer.certificate, signer.digest, signer.scheme) == (holder.certificate, digest, scheme)
    assert signer.signing_time is not None
    assert signed.certificates == (holder.certificate_der,)
    content, _ = read_signed([openssl(*options, "-nodetach", content=TEXT)], holder)
    assert content == TEXT


@pytest.mark.parametrize("extra", [["-stream"], ["-noattr"], ["-keyid"], ["-nocerts"], ["-nosmimecap"]], ids=str)
@pytest.mark.parametrize("key", ["rsa", "p256"])
def test_variants_of_openssl_signatures_verify(openssl: OpenSSL, extra: list[str], key: str) -> None:
    holder = HOLDERS[key]()
    scheme = SignatureScheme.RSA_PKCS1 if key == "rsa" else SignatureScheme.ECDSA
    options = [*_sign_options(openssl, holder, scheme, Digest.SHA256), *extra]
    content, signed = read_signed(pieces(openssl(*options, "-nodetach", content=LARGE), 4096), holder)
    assert content == LARGE
    assert signed.signers[0].with_attributes is (extra != ["-noattr"])
    assert bool(signed.certificates) is (extra != ["-nocerts"])
    verify_detached(
        openssl(*options, content=LARGE),
        {Digest.SHA256: digest_of(LARGE)},
        candidates=[holder.certificate],
        limits=DEFAULT_LIMITS,
    )


@pytest.mark.parametrize("salt", ["0", "11", "digest", "max"])
def test_pss_salts_of_any_length_verify(openssl: OpenSSL, salt: str) -> None:
    options = _sign_options(openssl, rsa_holder(), SignatureScheme.RSA_PSS, Digest.SHA256)
    message = openssl(*options, "-keyopt", f"rsa_pss_saltlen:{salt}", "-nodetach", content=TEXT)
    assert read_signed([message])[0] == TEXT


def test_pss_with_another_mask_digest_verifies(openssl: OpenSSL) -> None:
    options = _sign_options(openssl, rsa_holder(), SignatureScheme.RSA_PSS, Digest.SHA256)
    message = openssl(*options, "-keyopt", "rsa_mgf1_md:sha1", "-nodetach", content=TEXT)
    assert read_signed([message])[0] == TEXT


@pytest.mark.parametrize(("transport", "cipher", "authenticated"), ENVELOPES)
def test_openssl_decrypts_our_rsa_messages(
    openssl: OpenSSL, transport: KeyTransport, cipher: ContentCipher, authenticated: bool
) -> None:
    plan = encrypting(rsa_holder(), transport=transport, cipher=cipher, authenticated=authenticated)
    _assert_openssl_decrypts(openssl, rsa_holder(), plan)


@pytest.mark.parametrize(("curve", "cipher"), ECDH)
def test_openssl_decrypts_our_ecdh_messages(openssl: OpenSSL, curve: str, cipher: ContentCipher) -> None:
    holder = ec_holder(curve)
    plan = encrypting(holder, transport=KeyTransport.ECDH, cipher=cipher, authenticated=cipher in GCM)
    _assert_openssl_decrypts(openssl, holder, plan)


def _assert_openssl_decrypts(openssl: OpenSSL, holder: HeldKey, plan: EncryptionPlan) -> None:
    check = ["-decrypt", "-binary", "-inform", "DER", "-in", "message", "-recip", openssl.certificate(holder)]
    check += ["-inkey", openssl.key(holder)]
    for definite in (True, False):
        assert openssl(*check, message=encrypted(TEXT, plan, definite=definite)) == TEXT


@pytest.mark.parametrize(("transport", "cipher", "authenticated"), ENVELOPES)
def test_rsa_messages_of_openssl_decrypt(
    openssl: OpenSSL, transport: KeyTransport, cipher: ContentCipher, authenticated: bool
) -> None:
    options = []
    if transport is not KeyTransport.RSA_PKCS1:
        options = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{transport.value[9:].replace('-', '')}"]
    stream = decrypt(
        [_openssl_encrypts(openssl, rsa_holder(), cipher, *options)], [rsa_holder()], limits=DEFAULT_LIMITS
    )
    assert whole(stream.chunks()) == TEXT
    assert (stream.key, stream.cipher, stream.transport) == (rsa_holder(), cipher, transport)
    assert stream.authenticated is authenticated


@pytest.mark.parametrize(("curve", "cipher", "kdf"), ECDH_READ)
def test_ecdh_messages_of_openssl_decrypt(openssl: OpenSSL, curve: str, cipher: ContentCipher, kdf: str) -> None:
    holder = ec_holder(curve)
    message = _openssl_encrypts(openssl, holder, cipher, "-keyopt", f"ecdh_kdf_md:{kdf}")
    assert read_encrypted([message], holder) == TEXT


@pytest.mark.parametrize("options", [["-keyopt", "ecdh_cofactor_mode:1"], ["-aes256-wrap"]], ids=str)
def test_other_key_agreements_of_openssl_decrypt(openssl: OpenSSL, options: list[str]) -> None:
    message = _openssl_encrypts(openssl, ec_holder(), ContentCipher.AES_128_CBC, *options)
    assert read_encrypted([message], ec_holder()) == TEXT


@pytest.mark.parametrize("key", ["rsa", "p256"])
@pytest.mark.parametrize("extra", [["-stream"], ["-keyid"]], ids=str)
def test_variants_of_openssl_envelopes_decrypt(openssl: OpenSSL, key: str, extra: list[str]) -> None:
    holder = HOLDERS[key]()
    options = ["-encrypt", "-binary", "-in", "content", "-outform", "DER", "-aes-256-cbc", *extra]
    message = openssl(*options, "-recip", openssl.certificate(holder), content=LARGE)
    assert read_encrypted(pieces(message, 4096), holder) == LARGE


def _openssl_encrypts(openssl: OpenSSL, holder: HeldKey, cipher: ContentCipher, *options: str) -> bytes:
    chosen = [
        "-encrypt",
        "-binary",
        "-in",
        "content",
        "-outform",
        "DER",
        "-" + OPENSSL_CIPHER.get(cipher, cipher.value),
    ]
    return openssl(*chosen, "-recip", openssl.certificate(holder), *options, content=TEXT)


def test_every_recipient_of_openssl_opens_a_message_for_several(openssl: OpenSSL) -> None:
    holders = [rsa_holder(), rsa_holder("bravo", serial=12), ec_holder("p384")]
    options = ["-encrypt", "-binary", "-in", "content", "-outform", "DER", "-aes-128-cbc"]
    for holder in holders:
        options += ["-recip", openssl.certificate(holder)]
    message = openssl(*options, content=TEXT)
    assert [read_encrypted([message], holder) for holder in holders] == [TEXT] * 3


def test_openssl_lists_our_certs_only_and_we_list_theirs(openssl: OpenSSL) -> None:
    holders = [rsa_holder(), ec_holder()]
    (openssl.folder / "p7c").write_bytes(certs_only([holder.certificate_der for holder in holders]))
    command = ["openssl", "pkcs7", "-inform", "DER", "-in", "p7c", "-print_certs"]
    listed = subprocess.run(command, cwd=openssl.folder, capture_output=True, check=True).stdout
    assert listed.count(b"BEGIN CERTIFICATE") == 2
    build = ["openssl", "crl2pkcs7", "-nocrl", "-outform"]
    files = [part for holder in holders for part in ("-certfile", openssl.certificate(holder))]
    for form in ("DER", "PEM"):
        theirs = subprocess.run([*build, form, *files], cwd=openssl.folder, capture_output=True, check=True).stdout
        expected = tuple(holder.certificate_der for holder in holders)
        assert sorted(read_certs_only(theirs, limits=DEFAULT_LIMITS)) == sorted(expected)
