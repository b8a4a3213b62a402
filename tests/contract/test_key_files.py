"""``Vault.read_key_file``: key files of other programs open, and each way of failing has its own sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.vault import FileVault
from counterseal.engine.ports import UnreadableKeyFile, WrongPassword
from counterseal.kernel.errors import Fault
from tests import builders as b

ROOT = b.mint_ca("Root")
SUB = b.mint_ca("Sub", issuer=ROOT, key=b.rsa_key(91))
LEAF = b.mint("Alpha Arrows", issuer=SUB, key=b.rsa_key(0))
STRANGER = b.mint("Stranger", key=b.rsa_key(2))
EC_LEAF = b.mint("EC", key=b.ec_key())
PASSWORD = "gehe\N{LATIN SMALL LETTER I WITH DIAERESIS}m"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> FileVault:
    return FileVault.open(tmp_path_factory.mktemp("vault"))


def p12(
    minted: b.Minted = LEAF,
    *others: b.Minted,
    password: str | None = PASSWORD,
    with_key: bool = True,
    key: b.PrivateKey | None = None,
) -> bytes:
    encryption: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"name",
        (key or minted.key) if with_key else None,
        minted.certificate.load() if with_key and key is None else None,
        [*(o.certificate.load() for o in others), *([] if with_key and key is None else [minted.certificate.load()])],
        encryption,
    )


def encrypted_pem(minted: b.Minted, password: str) -> bytes:
    return minted.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))


def traditional_pem(minted: b.Minted, password: str | None) -> bytes:
    encryption: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return minted.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)


GOOD: dict[str, tuple[bytes, str | None]] = {
    "pkcs12": (p12(LEAF, SUB, ROOT), PASSWORD),
    "pkcs12, chain in disorder with a stranger": (p12(LEAF, STRANGER, ROOT, SUB), PASSWORD),
    "pkcs12, no password": (p12(LEAF, SUB, ROOT, password=None), None),
    "pkcs12, empty password": (p12(LEAF, SUB, ROOT, password=None), ""),
    "pem": (LEAF.key_pem + LEAF.pem + SUB.pem + ROOT.pem, None),
    "pem, a password that is not needed": (LEAF.key_pem + LEAF.pem + SUB.pem + ROOT.pem, "whatever"),
    "pem, certificates first and in disorder": (ROOT.pem + STRANGER.pem + SUB.pem + LEAF.pem + LEAF.key_pem, None),
    "pem, encrypted": (LEAF.pem + SUB.pem + ROOT.pem + encrypted_pem(LEAF, PASSWORD), PASSWORD),
    "pem, traditional": (traditional_pem(LEAF, None) + LEAF.pem + SUB.pem + ROOT.pem, None),
    "pem, traditional encrypted": (traditional_pem(LEAF, "abc") + LEAF.pem + SUB.pem + ROOT.pem, "abc"),
    "pem, two keys": (STRANGER.key_pem + LEAF.key_pem + LEAF.pem + SUB.pem + ROOT.pem, None),
    "pem, twice the same, CRLF, text around": (
        b"Bag Attributes\r\n"
        + (LEAF.key_pem + LEAF.pem + LEAF.pem + SUB.pem + ROOT.pem).replace(b"\n", b"\r\n")
        + b"bye",
        None,
    ),
    "pem, old label": (LEAF.key_pem + (LEAF.pem + SUB.pem + ROOT.pem).replace(b" CERT", b" X509 CERT"), None),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_key_file_opens_with_its_certificate_and_ordered_chain(vault: FileVault, name: str) -> None:
    content, password = GOOD[name]
    opened = vault.read_key_file(content, password=password)
    assert opened.certificate_der == LEAF.der
    assert opened.chain_der == (SUB.der, ROOT.der)
    assert opened.key.spki == LEAF.spki
    assert opened.key.kind == "rsa"
    vault.signer(opened.key.sealed, certificate_der=opened.certificate_der)


def test_an_ec_key_opens_too(vault: FileVault) -> None:
    for content in (EC_LEAF.pem + EC_LEAF.key_pem, EC_LEAF.pem + traditional_pem(EC_LEAF, None)):
        opened = vault.read_key_file(content, password=None)
        assert (opened.key.kind, opened.certificate_der, opened.chain_der) == ("ec", EC_LEAF.der, ())


ED_KEY = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
BAD: dict[str, tuple[bytes, str | None, type[Fault], str]] = {
    "empty": (b"", None, UnreadableKeyFile, "empty"),
    "far too large": (bytes(1024 * 1024 + 1), None, UnreadableKeyFile, "at most"),
    "neither": (b"hello world", None, UnreadableKeyFile, "neither PKCS#12 nor PEM"),
    "certificate, der": (LEAF.der, None, UnreadableKeyFile, "without its private key"),
    "certificates, pem": (LEAF.pem + SUB.pem, None, UnreadableKeyFile, "no private key"),
    "certificates, pkcs12": (p12(LEAF, SUB, with_key=False), PASSWORD, UnreadableKeyFile, "no private key"),
    "key alone, pem": (LEAF.key_pem, None, UnreadableKeyFile, "no certificate"),
    "wrong password, pkcs12": (p12(), "wrong", WrongPassword, "password does not open"),
    "no password, pkcs12": (p12(), None, WrongPassword, "needs a password"),
    "wrong password, pem": (
        LEAF.pem + encrypted_pem(LEAF, "right"),
        "wrong",
        WrongPassword,
        "does not open the private key",
    ),
    "wrong password, traditional": (LEAF.pem + traditional_pem(LEAF, "right"), "wrong", WrongPassword, "does not open"),
    "no password, pem": (LEAF.pem + encrypted_pem(LEAF, "right"), None, WrongPassword, "needs its password"),
    "key of another certificate, pem": (LEAF.key_pem + STRANGER.pem, None, UnreadableKeyFile, "does not fit"),
    "key of another certificate, pkcs12": (p12(STRANGER, key=LEAF.key), PASSWORD, UnreadableKeyFile, "does not fit"),
    "another kind of key": (LEAF.pem + ED_KEY, None, UnreadableKeyFile, "Ed25519"),
    "damaged key": (LEAF.pem + LEAF.key_pem.replace(b"MII", b"MIX", 1), None, UnreadableKeyFile, "damaged"),
    "damaged certificate": (LEAF.key_pem + LEAF.pem.replace(b"MII", b"AAA", 1), None, UnreadableKeyFile, "damaged"),
    "cut off, pkcs12": (p12()[:-40], PASSWORD, WrongPassword, "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_way_of_failing_has_its_own_sentence(vault: FileVault, name: str) -> None:
    content, password, kind, sentence = BAD[name]
    with pytest.raises(kind, match=sentence):
        vault.read_key_file(content, password=password)


@given(st.binary(max_size=400), st.sampled_from([b"", b"0\x82\x01\x00\x02\x01\x03", b"-----BEGIN PRIVATE KEY-----\n"]))
def test_noise_never_gets_further_than_a_fault(vault: FileVault, noise: bytes, beginning: bytes) -> None:
    with pytest.raises((UnreadableKeyFile, WrongPassword)):
        vault.read_key_file(beginning + noise, password="x")


@given(st.integers(min_value=0, max_value=4000), st.integers(min_value=1, max_value=255))
def test_a_changed_octet_never_gets_further_than_a_fault(vault: FileVault, place: int, change: int) -> None:
    content = bytearray(_UNENCRYPTED)
    content[place % len(content)] ^= change
    try:
        opened = vault.read_key_file(bytes(content), password=None)
    except (UnreadableKeyFile, WrongPassword):
        return
    assert opened.key.spki == LEAF.spki


_UNENCRYPTED = LEAF.key_pem + LEAF.pem

OPENSSL = shutil.which("openssl")
LEGACY = {
    "3DES and RC2-40, as Windows exported for twenty years": ["-legacy"],
    "3DES, SHA-1": ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
    "AES-256, PBKDF2": ["-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC", "-macalg", "sha256"],
    "no MAC": ["-nomac"],
    "certificates in the clear": ["-certpbe", "NONE"],
}


@pytest.mark.openssl
@pytest.mark.skipif(OPENSSL is None, reason="needs the openssl command")
@pytest.mark.parametrize("name", LEGACY)
def test_files_that_openssl_writes_open(vault: FileVault, tmp_path: Path, name: str) -> None:
    assert OPENSSL is not None
    (tmp_path / "in.pem").write_bytes(LEAF.key_pem + LEAF.pem + SUB.pem + ROOT.pem)
    made = subprocess.run(
        [OPENSSL, "pkcs12", "-export", "-in", "in.pem", "-out", "out.p12", "-passout", "pass:secret", *LEGACY[name]],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    if made.returncode:
        pytest.skip(f"this openssl does not write it: {made.stderr.decode()[-200:]}")
    opened = vault.read_key_file((tmp_path / "out.p12").read_bytes(), password="secret")
    assert opened.certificate_der == LEAF.der
    assert opened.chain_der == (SUB.der, ROOT.der)
    if name != "no MAC":
        with pytest.raises(WrongPassword):
            vault.read_key_file((tmp_path / "out.p12").read_bytes(), password="Secret")
