"""``Vault``: what rests is sealed, what is changed or of another vault does not open, and keys only work through handles."""

import base64
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.vault import FileVault, InvalidForm, KeyNotDecrypted, UnsuitableKey
from counterseal.engine.ports import CertificateForm, NewKey, VaultLocked
from counterseal.kernel.errors import CallerFault, Fault, PeerFault
from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit
from tests import builders as b

FORM = CertificateForm(
    common_name="Alpha Arrows",
    organisation="Alpha",
    unit="EDI",
    city="Köln",
    state="NRW",
    country="de",
    email="edi@alpha.example",
    dns_names=("as2.alpha.example", "*.alpha.example"),
    ip_addresses=("127.0.0.1", "::1"),
    extended_key_usage=(SERVER_AUTH, CLIENT_AUTH),
    not_before=b.NOW + timedelta(microseconds=5),
    not_after=b.NOW + timedelta(days=365),
    serial=2**158 + 1,
)
HASHES = {
    Digest.SHA1: hashes.SHA1(),
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}


@pytest.fixture(params=["key-file", "passphrase"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> FileVault:
    return FileVault.open(tmp_path, "open sesame" if request.param == "passphrase" else None)


@pytest.fixture(scope="module")
def shared_vault(tmp_path_factory: pytest.TempPathFactory) -> FileVault:
    return FileVault.open(tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="module")
def rsa_pair(shared_vault: FileVault) -> tuple[NewKey, Certificate]:
    key = shared_vault.generate(kind="rsa", bits=2048)
    return key, Certificate.parse(shared_vault.self_signed(key.sealed, FORM))


@pytest.fixture(scope="module")
def ec_pair(shared_vault: FileVault) -> tuple[NewKey, Certificate]:
    key = shared_vault.generate(kind="ec", curve="secp256r1")
    return key, Certificate.parse(
        shared_vault.self_signed(key.sealed, replace(FORM, key_usage=("digitalSignature", "keyAgreement")))
    )


# secrets


@pytest.mark.parametrize("secret", [b"", b"x", bytes(100_000)])
def test_a_sealed_secret_opens_for_its_purpose_only(vault: FileVault, secret: bytes) -> None:
    record = vault.seal(secret, purpose="draft")
    assert vault.unseal(record, purpose="draft") == secret
    assert secret not in record or len(secret) < 2
    assert vault.seal(secret, purpose="draft") != record
    with pytest.raises(VaultLocked):
        vault.unseal(record, purpose="password")


def test_every_changed_octet_is_noticed(vault: FileVault) -> None:
    record = vault.seal(b"secret", purpose="p")
    for place in range(len(record)):
        changed = bytearray(record)
        changed[place] ^= 1
        with pytest.raises(VaultLocked):
            vault.unseal(bytes(changed), purpose="p")


@given(st.binary(max_size=200))
def test_no_other_octets_open_and_only_vault_locked_comes_out(shared_vault: FileVault, record: bytes) -> None:
    with pytest.raises(VaultLocked):
        shared_vault.unseal(record, purpose="p")


def test_a_private_key_cannot_be_unsealed_by_any_purpose(vault: FileVault) -> None:
    key = vault.generate(kind="ec", curve="secp256r1")
    for purpose in ("private-key", "", "secret:private-key"):
        with pytest.raises(VaultLocked):
            vault.unseal(key.sealed, purpose=purpose)
    forged = vault.seal(b"not a key", purpose="private-key")
    with pytest.raises(VaultLocked):
        vault.self_signed(forged, FORM)


# the master key


def test_the_same_vault_opens_again_and_another_one_does_not(tmp_path: Path) -> None:
    record = FileVault.open(tmp_path / "a").seal(b"s", purpose="p")
    assert FileVault.open(tmp_path / "a").unseal(record, purpose="p") == b"s"
    with pytest.raises(VaultLocked):
        FileVault.open(tmp_path / "b").unseal(record, purpose="p")


def test_files_are_readable_for_their_owner_only(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        FileVault.open(tmp_path / "data")
        FileVault.open(tmp_path / "other", "pass")
    finally:
        os.umask(previous)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert modes == {"data": 0o700, "other": 0o700, "vault.key": 0o600, "vault.json": 0o600}


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileVault.open(tmp_path)
    (tmp_path / "vault.key").chmod(0o640)
    with pytest.raises(VaultLocked, match="0640"):
        FileVault.open(tmp_path)


def test_a_missing_key_file_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    FileVault.open(tmp_path)
    (tmp_path / "vault.key").unlink()
    with pytest.raises(VaultLocked, match="restore"):
        FileVault.open(tmp_path)
    assert not (tmp_path / "vault.key").exists()


def test_another_vault_s_key_file_shows_at_once(tmp_path: Path) -> None:
    FileVault.open(tmp_path / "a")
    FileVault.open(tmp_path / "b")
    (tmp_path / "a" / "vault.key").write_bytes((tmp_path / "b" / "vault.key").read_bytes())
    with pytest.raises(VaultLocked, match="another vault"):
        FileVault.open(tmp_path / "a")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"counterseal vault key 1\nshort\n", b"counterseal vault key 1\n!!\n", b"\xff"]
)
def test_a_damaged_key_file_is_told(tmp_path: Path, content: bytes) -> None:
    FileVault.open(tmp_path)
    (tmp_path / "vault.key").write_bytes(content)
    with pytest.raises(VaultLocked):
        FileVault.open(tmp_path)


def test_a_wrong_or_missing_passphrase_is_told_and_a_right_one_opens(tmp_path: Path) -> None:
    record = FileVault.open(tmp_path, "right").seal(b"s", purpose="p")
    assert not (tmp_path / "vault.key").exists()
    with pytest.raises(VaultLocked, match="passphrase is wrong"):
        FileVault.open(tmp_path, "wrong")
    with pytest.raises(VaultLocked, match="none was given"):
        FileVault.open(tmp_path)
    assert FileVault.open(tmp_path, "right").unseal(record, purpose="p") == b"s"


def test_a_passphrase_for_a_vault_with_a_key_file_is_refused(tmp_path: Path) -> None:
    FileVault.open(tmp_path)
    with pytest.raises(VaultLocked, match="leave the passphrase out"):
        FileVault.open(tmp_path, "pass")


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 10**12},
        {"time_cost": 0},
        {"kdf": "md5"},
        {"salt": "*"},
        {"salt": None},
        {"check": ""},
        {"opened_by": "magic"},
    ],
    ids=str,
)
def test_a_changed_form_file_is_refused_and_fills_no_memory(tmp_path: Path, change: dict[str, object]) -> None:
    FileVault.open(tmp_path, "pass")
    form = json.loads((tmp_path / "vault.json").read_text())
    (tmp_path / "vault.json").write_text(json.dumps(form | change))
    with pytest.raises(VaultLocked):
        FileVault.open(tmp_path, "pass")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{"])
def test_an_unreadable_form_file_is_told(tmp_path: Path, content: bytes) -> None:
    FileVault.open(tmp_path)
    (tmp_path / "vault.json").write_bytes(content)
    with pytest.raises(VaultLocked):
        FileVault.open(tmp_path)


def test_a_crash_between_the_two_files_is_mended_with_the_key_that_is_there(tmp_path: Path) -> None:
    vault = FileVault.open(tmp_path)
    record = vault.seal(b"s", purpose="p")
    (tmp_path / "vault.json").unlink()
    assert FileVault.open(tmp_path).unseal(record, purpose="p") == b"s"


def test_two_processes_that_start_together_make_one_vault(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: FileVault.open(tmp_path / "v"), range(8)))
    record = vaults[0].seal(b"s", purpose="p")
    assert all(vault.unseal(record, purpose="p") == b"s" for vault in vaults)
    assert sorted(p.name for p in (tmp_path / "v").iterdir()) == ["vault.json", "vault.key"]


# making keys and certificates


@pytest.mark.parametrize(
    ("kind", "bits", "curve", "kept"),
    [("rsa", 2048, "", "rsa"), ("rsa", 3072, "", "rsa"), ("ec", 0, "secp256r1", "ec"), ("ec", 0, "secp384r1", "ec")],
)
def test_keys_are_made_as_asked(shared_vault: FileVault, kind: str, bits: int, curve: str, kept: str) -> None:
    key = shared_vault.generate(kind=kind, bits=bits, curve=curve)
    public = load_der_public_key(key.spki)
    assert key.kind == kept
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert public.key_size == (bits or int(curve[4:7]))
    assert key.spki not in key.sealed


@pytest.mark.parametrize(
    ("kind", "bits", "curve"),
    [("rsa", 1024, ""), ("rsa", 2049, ""), ("dsa", 2048, ""), ("ec", 0, "secp112r1"), ("ec", 256, "")],
)
def test_other_keys_are_not_made(shared_vault: FileVault, kind: str, bits: int, curve: str) -> None:
    with pytest.raises(UnsuitableKey):
        shared_vault.generate(kind=kind, bits=bits, curve=curve)


def test_a_self_signed_certificate_says_what_the_form_said(rsa_pair: tuple[NewKey, Certificate]) -> None:
    key, certificate = rsa_pair
    loaded = certificate.load()
    assert certificate.subject == certificate.issuer == "CN=Alpha Arrows,OU=EDI,O=Alpha,L=Köln,ST=NRW,C=DE"
    assert certificate.self_signed
    assert (certificate.serial, certificate.spki) == (FORM.serial, key.spki)
    assert (certificate.not_before, certificate.not_after) == (b.NOW, FORM.not_after)
    assert certificate.key_usage == frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT})
    assert certificate.extended_key_usage == frozenset({SERVER_AUTH, CLIENT_AUTH})
    assert certificate.signature_digest == "sha256"
    assert not certificate.is_ca
    assert certificate.subject_key_id == certificate.authority_key_id != b""
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["as2.alpha.example", "*.alpha.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert names.get_values_for_type(x509.RFC822Name) == ["edi@alpha.example"]
    assert loaded.version is x509.Version.v3


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_certificates_and_requests_are_signed_with_the_chosen_digest(
    shared_vault: FileVault,
    rsa_pair: tuple[NewKey, Certificate],
    ec_pair: tuple[NewKey, Certificate],
    kind: str,
    digest: str,
) -> None:
    key = (rsa_pair if kind == "rsa" else ec_pair)[0]
    form = replace(FORM, digest=digest)
    assert Certificate.parse(shared_vault.self_signed(key.sealed, form)).signature_digest == digest
    request = x509.load_der_x509_csr(shared_vault.signing_request(key.sealed, form))
    assert request.is_signature_valid
    assert request.signature_hash_algorithm is not None
    assert request.signature_hash_algorithm.name == digest
    assert request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key.spki
    assert request.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"common_name": "  "}, "common name"),
        ({"common_name": "x" * 65}, "common name"),
        ({"country": "Germany"}, "country"),
        ({"dns_names": ("münchen.example",)}, "DNS name"),
        ({"dns_names": ("not a name",)}, "DNS name"),
        ({"dns_names": (".".join(["a" * 60] * 5),)}, "DNS name"),
        ({"ip_addresses": ("300.1.1.1",)}, "IP address"),
        ({"email": "ü@alpha.example"}, "e-mail"),
        ({"key_usage": ("digitalSignature", "everything")}, "key usage"),
        ({"extended_key_usage": ("serverAuth",)}, "extended key usage"),
        ({"digest": "sha1"}, "sha1"),
        ({"not_after": FORM.not_before}, "end before"),
        ({"serial": 0}, "serial"),
        ({"serial": 2**159}, "serial"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_field_that_does_not_fit_is_named(
    shared_vault: FileVault, ec_pair: tuple[NewKey, Certificate], change: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidForm, match=named):
        shared_vault.self_signed(ec_pair[0].sealed, replace(FORM, **change))  # type: ignore[arg-type]


# signers


SIGNATURES = [
    *((scheme, digest, "rsa") for scheme in (SignatureScheme.RSA_PKCS1, SignatureScheme.RSA_PSS) for digest in HASHES),
    *((SignatureScheme.ECDSA, digest, "ec") for digest in HASHES),
]


@pytest.mark.parametrize(("scheme", "digest", "kind"), SIGNATURES)
def test_signatures_verify_with_the_certificate_s_key(
    shared_vault: FileVault,
    rsa_pair: tuple[NewKey, Certificate],
    ec_pair: tuple[NewKey, Certificate],
    scheme: SignatureScheme,
    digest: Digest,
    kind: str,
) -> None:
    key, certificate = rsa_pair if kind == "rsa" else ec_pair
    signer = shared_vault.signer(key.sealed, certificate_der=certificate.der)
    chosen = HASHES[digest]
    hashed = hashes.Hash(chosen)
    hashed.update(b"what is signed")
    value = hashed.finalize()
    signature = signer.sign_digest(value, algorithm=digest, scheme=scheme)
    public = certificate.load().public_key()
    if isinstance(public, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(chosen), salt_length=chosen.digest_size)
        public.verify(
            signature, value, pss if scheme is SignatureScheme.RSA_PSS else padding.PKCS1v15(), Prehashed(chosen)
        )
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, value, ec.ECDSA(Prehashed(chosen)))
    assert signer.certificate_der == certificate.der
    assert signer.kind is KeyKind(kind)


@pytest.mark.parametrize(
    ("kind", "scheme", "digest", "size"),
    [
        ("rsa", SignatureScheme.ECDSA, Digest.SHA256, 32),
        ("ec", SignatureScheme.RSA_PKCS1, Digest.SHA256, 32),
        ("ec", SignatureScheme.RSA_PSS, Digest.SHA256, 32),
        ("rsa", SignatureScheme.RSA_PKCS1, Digest.MD5, 16),
        ("rsa", SignatureScheme.RSA_PKCS1, Digest.SHA256, 31),
        ("rsa", SignatureScheme.RSA_PSS, Digest.SHA512, 32),
    ],
)
def test_what_does_not_go_together_is_not_signed(
    shared_vault: FileVault,
    rsa_pair: tuple[NewKey, Certificate],
    ec_pair: tuple[NewKey, Certificate],
    kind: str,
    scheme: SignatureScheme,
    digest: Digest,
    size: int,
) -> None:
    key, certificate = rsa_pair if kind == "rsa" else ec_pair
    signer = shared_vault.signer(key.sealed, certificate_der=certificate.der)
    with pytest.raises(UnsuitableKey):
        signer.sign_digest(bytes(size), algorithm=digest, scheme=scheme)


def test_a_handle_is_only_given_for_the_key_s_own_certificate(
    shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate]
) -> None:
    other = b.a_certificate()
    with pytest.raises(UnsuitableKey):
        shared_vault.signer(rsa_pair[0].sealed, certificate_der=other.der)
    with pytest.raises(UnsuitableKey):
        shared_vault.decrypter(rsa_pair[0].sealed, certificate_der=other.der)


def test_a_handle_shows_no_key(shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate]) -> None:
    key, certificate = rsa_pair
    for handle in (
        shared_vault.signer(key.sealed, certificate_der=certificate.der),
        shared_vault.decrypter(key.sealed, certificate_der=certificate.der),
    ):
        assert "PrivateKey" not in repr(handle)
        assert {name for name in dir(handle) if not name.startswith("_")} <= {
            "certificate_der",
            "kind",
            "sign_digest",
            "decrypt_key",
            "agree",
        }


def test_many_threads_sign_with_many_keys(tmp_path: Path) -> None:
    vault = FileVault.open(tmp_path)
    pairs = []
    for _ in range(4):
        key = vault.generate(kind="ec", curve="secp256r1")
        pairs.append((key, vault.self_signed(key.sealed, FORM)))

    def sign(number: int) -> None:
        key, der = pairs[number % 4]
        signature = vault.signer(key.sealed, certificate_der=der).sign_digest(
            bytes(32), algorithm=Digest.SHA256, scheme=SignatureScheme.ECDSA
        )
        public = Certificate.parse(der).load().public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, bytes(32), ec.ECDSA(Prehashed(hashes.SHA256())))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sign, range(200)))


# decrypters


def encrypted(certificate: Certificate, content_key: bytes, transport: KeyTransport) -> bytes:
    public = certificate.load().public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    if transport is KeyTransport.RSA_PKCS1:
        return public.encrypt(content_key, padding.PKCS1v15())
    digest = HASHES[Digest(transport.value.removeprefix("rsa-oaep-"))]
    return public.encrypt(content_key, padding.OAEP(padding.MGF1(digest), digest, None))


RSA_TRANSPORTS = [t for t in KeyTransport if t is not KeyTransport.ECDH]


@pytest.mark.parametrize("transport", RSA_TRANSPORTS)
@pytest.mark.parametrize("size", [16, 24, 32])
def test_content_keys_open(
    shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate], transport: KeyTransport, size: int
) -> None:
    key, certificate = rsa_pair
    decrypter = shared_vault.decrypter(key.sealed, certificate_der=certificate.der)
    content_key = os.urandom(size)
    assert decrypter.decrypt_key(encrypted(certificate, content_key, transport), transport=transport) == content_key


def test_openssl_rejects_implicitly_by_itself() -> None:
    """Without this, bad padding would be told by a Python exception, in a time that depends on it."""
    assert backend.openssl_version_number() >= 0x3020_0000
    key = b.rsa_key()
    bad = bytes([1]) * 256
    assert key.decrypt(bad, padding.PKCS1v15()) == key.decrypt(bad, padding.PKCS1v15())


@given(st.binary(max_size=300) | st.binary(min_size=256, max_size=256))
def test_pkcs1_gives_the_same_octets_for_the_same_garbage_and_never_raises(
    shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate], garbage: bytes
) -> None:
    key, certificate = rsa_pair
    decrypter = shared_vault.decrypter(key.sealed, certificate_der=certificate.der)
    first = decrypter.decrypt_key(garbage, transport=KeyTransport.RSA_PKCS1)
    assert decrypter.decrypt_key(garbage, transport=KeyTransport.RSA_PKCS1) == first


@pytest.mark.parametrize("transport", [t for t in RSA_TRANSPORTS if t is not KeyTransport.RSA_PKCS1])
@pytest.mark.parametrize("garbage", [b"", bytes(256), b"\xff" * 256, bytes(255), bytes(257)], ids=len)
def test_oaep_garbage_is_the_peer_s_fault_in_one_sentence(
    shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate], transport: KeyTransport, garbage: bytes
) -> None:
    key, certificate = rsa_pair
    decrypter = shared_vault.decrypter(key.sealed, certificate_der=certificate.der)
    with pytest.raises(PeerFault) as caught:
        decrypter.decrypt_key(garbage, transport=transport)
    assert caught.value.detail == "the content key does not open with this recipient's key"


def test_oaep_with_another_digest_does_not_open(shared_vault: FileVault, rsa_pair: tuple[NewKey, Certificate]) -> None:
    key, certificate = rsa_pair
    decrypter = shared_vault.decrypter(key.sealed, certificate_der=certificate.der)
    sealed = encrypted(certificate, bytes(16), KeyTransport.RSA_OAEP_SHA256)
    with pytest.raises(KeyNotDecrypted):
        decrypter.decrypt_key(sealed, transport=KeyTransport.RSA_OAEP_SHA1)


def test_key_agreement_gives_both_sides_the_same_secret(
    shared_vault: FileVault, ec_pair: tuple[NewKey, Certificate]
) -> None:
    key, certificate = ec_pair
    decrypter = shared_vault.decrypter(key.sealed, certificate_der=certificate.der)
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    theirs = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ours = certificate.load().public_key()
    assert isinstance(ours, ec.EllipticCurvePublicKey)
    assert decrypter.agree(theirs) == ephemeral.exchange(ec.ECDH(), ours)


@pytest.mark.parametrize("peer", ["another curve", "rsa", "garbage", "empty"])
def test_a_public_key_that_does_not_fit_is_the_peer_s_fault(
    shared_vault: FileVault, ec_pair: tuple[NewKey, Certificate], rsa_pair: tuple[NewKey, Certificate], peer: str
) -> None:
    other = (
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    octets = {"another curve": other, "rsa": rsa_pair[0].spki, "garbage": b"\x30\x03abc", "empty": b""}[peer]
    decrypter = shared_vault.decrypter(ec_pair[0].sealed, certificate_der=ec_pair[1].der)
    with pytest.raises(KeyNotDecrypted):
        decrypter.agree(octets)


def test_a_decrypter_of_the_other_kind_says_so(
    shared_vault: FileVault, ec_pair: tuple[NewKey, Certificate], rsa_pair: tuple[NewKey, Certificate]
) -> None:
    of_rsa = shared_vault.decrypter(rsa_pair[0].sealed, certificate_der=rsa_pair[1].der)
    of_ec = shared_vault.decrypter(ec_pair[0].sealed, certificate_der=ec_pair[1].der)
    with pytest.raises(UnsuitableKey):
        of_rsa.agree(ec_pair[0].spki)
    for transport in KeyTransport:
        with pytest.raises(UnsuitableKey):
            of_ec.decrypt_key(bytes(256), transport=transport)


def test_every_fault_of_the_vault_has_its_own_code() -> None:
    codes = [kind.code for kind in (InvalidForm, UnsuitableKey, KeyNotDecrypted, VaultLocked)]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("vault.") for code in codes)
    assert issubclass(InvalidForm, CallerFault)
    assert issubclass(VaultLocked, Fault)


def test_the_form_file_holds_no_secret(tmp_path: Path) -> None:
    FileVault.open(tmp_path, "open sesame")
    form = json.loads((tmp_path / "vault.json").read_text())
    assert set(form) == {"version", "opened_by", "kdf", "salt", "time_cost", "memory_kib", "parallelism", "check"}
    assert len(base64.b64decode(form["salt"])) == 16
    assert form["memory_kib"] >= 65536
