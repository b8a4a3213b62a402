"""Who signed: signers known and unknown, attributes, algorithms that do not fit, and messages that prove nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import Digest, SignatureScheme
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    ContentSizeDiffers,
    Malformed,
    NoSigner,
    SignatureInvalid,
    Signed,
    SignerUnknown,
    UnsupportedAlgorithm,
    algorithms,
    certs_only,
    open_signed,
    sign_attached,
    sign_detached,
    signature_digests,
    signed_size,
    tlv,
    verify_detached,
)
from counterseal.protocols.cms.signer_info import attributes_to_sign, issuer_and_serial, read_time, time_value
from counterseal.protocols.cms.signer_info import digest_of as digest_octets
from tests.protocols.cms.keys import NOW, HeldKey, ec_holder, mint, rsa_holder
from tests.protocols.cms.messages import (
    LARGE,
    TEXT,
    attached,
    detached,
    digest_of,
    pieces,
    read_signed,
    signing,
    whole,
)

DATA = "1.2.840.113549.1.7.1"
SHA256 = algorithms.digest_algorithm(Digest.SHA256)
RSA = algorithms.signature_algorithm(SignatureScheme.RSA_PKCS1, Digest.SHA256)
MD5 = algorithms.algorithm("1.2.840.113549.2.5")


def attribute_set(content: bytes = TEXT) -> bytes:
    return attributes_to_sign(digest_of(content), signing(), DATA)


def signer_info(
    holder: HeldKey | None = None,
    *,
    attributes: bytes | None = None,
    covered: bytes | None = None,
    digest: bytes = SHA256,
    algorithm: bytes | None = None,
    scheme: SignatureScheme | None = None,
    signer: bytes | None = None,
    signature: bytes | None = None,
) -> bytes:
    """A SignerInfo over TEXT in which any part may be another."""
    holder = holder or rsa_holder()
    plan = signing(holder)
    scheme = scheme or plan.scheme
    attributes = attribute_set() if attributes is None else attributes
    covered = digest_octets(attributes, Digest.SHA256) if covered is None else covered
    signature = signature or holder.sign_digest(covered, algorithm=Digest.SHA256, scheme=scheme)
    return tlv.sequence(
        tlv.integer(1),
        signer or issuer_and_serial(holder.certificate_der),
        digest,
        (b"\xa0" + attributes[1:]) if attributes else b"",
        algorithm or algorithms.signature_algorithm(scheme, Digest.SHA256),
        tlv.octet_string(signature),
    )


def message(*infos: bytes, content: bytes | None = TEXT, kind: str = DATA, digests: bytes = SHA256) -> bytes:
    octets = b"" if content is None else tlv.tlv(tlv.context(0), tlv.octet_string(content))
    inner = tlv.sequence(
        tlv.integer(1), tlv.tlv(tlv.SET, digests), tlv.sequence(tlv.oid(kind), octets), tlv.tlv(tlv.SET, *infos)
    )
    return tlv.sequence(tlv.oid("1.2.840.113549.1.7.2"), tlv.tlv(tlv.context(0), inner))


def verify(signature: bytes, *holders: HeldKey, content: bytes = TEXT) -> Signed:
    """As detached and as attached: both must say the same."""
    certificates = [holder.certificate for holder in holders or (rsa_holder(),)]
    digests: dict[Digest, bytes] = {digest: digest_of(content, digest) for digest in Digest if digest is not Digest.MD5}
    outcome: Signed | Exception
    try:
        outcome = read_signed([signature], *holders)[1]
    except Exception as fault:  # noqa: BLE001 - compared with the other way below
        outcome = fault
    try:
        signed = verify_detached(signature, digests, candidates=certificates, limits=DEFAULT_LIMITS)
    except Exception as fault:
        if type(outcome) is not type(fault):
            raise AssertionError(f"attached gave {outcome!r}") from fault
        raise
    assert outcome == signed
    return signed


def test_the_hand_made_message_verifies_as_it_stands() -> None:
    signed = verify(message(signer_info()))
    assert [signer.certificate for signer in signed.signers] == [rsa_holder().certificate]
    assert signed.signers[0].signing_time == NOW
    assert signed.unknown == ()


# --- nothing proven


def test_a_message_without_signers_never_verifies() -> None:
    for empty in (message(), certs_only([rsa_holder().certificate_der])):
        with pytest.raises(NoSigner):
            signature_digests(empty, limits=DEFAULT_LIMITS)
        with pytest.raises(NoSigner):
            verify_detached(empty, {}, candidates=[rsa_holder().certificate], limits=DEFAULT_LIMITS)
        with pytest.raises(NoSigner):
            read_signed([empty])


def test_an_embedded_certificate_is_not_a_candidate() -> None:
    plan = signing(certificates=(rsa_holder().certificate_der,))
    stream = open_signed([attached(TEXT, plan)], limits=DEFAULT_LIMITS)
    whole(stream.chunks())
    assert stream.embedded_certificates == (rsa_holder().certificate_der,)
    with pytest.raises(SignerUnknown):
        stream.verify([])
    with pytest.raises(SignerUnknown):
        stream.verify([ec_holder().certificate])


def test_another_certificate_with_the_signers_name_and_serial_does_not_verify() -> None:
    impostor = mint(ec_holder().key, "alpha", serial=4711)
    with pytest.raises(SignatureInvalid):
        read_signed([attached()], impostor)
    content, signed = read_signed([attached()], impostor, rsa_holder())
    assert content == TEXT
    assert signed.signers[0].certificate == rsa_holder().certificate


def test_verify_waits_for_the_whole_content() -> None:
    stream = open_signed([attached(LARGE)], limits=DEFAULT_LIMITS)
    with pytest.raises(CallerFault):
        stream.verify([rsa_holder().certificate])
    chunks = stream.chunks()
    next(iter(chunks))
    with pytest.raises(CallerFault):
        stream.verify([rsa_holder().certificate])
    with pytest.raises(CallerFault):
        _ = stream.embedded_certificates
    whole(chunks)
    assert stream.verify([rsa_holder().certificate]).signers
    with pytest.raises(CallerFault):
        next(iter(stream.chunks()))


@pytest.mark.parametrize("position", [0, 1, len(TEXT) // 2, len(TEXT) - 1])
def test_one_changed_octet_of_the_content_does_not_verify(position: int) -> None:
    signed = attached()
    at = signed.index(TEXT) + position
    with pytest.raises(SignatureInvalid):
        read_signed([signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]])
    changed = TEXT[:position] + bytes([TEXT[position] ^ 1]) + TEXT[position + 1 :]
    digests = {Digest.SHA256: digest_of(changed)}
    with pytest.raises(SignatureInvalid):
        verify_detached(detached(), digests, candidates=[rsa_holder().certificate], limits=DEFAULT_LIMITS)


def test_every_changed_octet_of_the_signature_does_not_verify() -> None:
    signed = detached()
    for at in range(len(signed) - 256, len(signed), 17):
        broken = signed[:at] + bytes([signed[at] ^ 0x40]) + signed[at + 1 :]
        with pytest.raises(SignatureInvalid):
            verify_detached(
                broken, {Digest.SHA256: digest_of(TEXT)}, candidates=[rsa_holder().certificate], limits=DEFAULT_LIMITS
            )


def test_a_detached_message_opened_as_attached_says_so() -> None:
    stream = open_signed([detached()], limits=DEFAULT_LIMITS)
    assert stream.detached
    assert whole(stream.chunks()) == b""
    with pytest.raises(Malformed):
        stream.verify([rsa_holder().certificate])
    assert not open_signed([attached()], limits=DEFAULT_LIMITS).detached


def test_an_empty_content_is_content() -> None:
    assert read_signed([attached(b"")])[0] == b""


def test_the_needed_digest_must_be_handed_over() -> None:
    with pytest.raises(CallerFault):
        verify_detached(detached(), {Digest.SHA512: b""}, candidates=[rsa_holder().certificate], limits=DEFAULT_LIMITS)


# --- several signers


def test_one_known_signer_beside_an_unknown_one_is_enough_and_the_other_is_listed() -> None:
    both = message(signer_info(), signer_info(ec_holder()))
    signed = verify(both)
    assert [signer.certificate for signer in signed.signers] == [rsa_holder().certificate]
    assert [unknown.serial for unknown in signed.unknown] == [ec_holder().certificate.serial]
    assert len(verify(both, rsa_holder(), ec_holder()).signers) == 2


def test_a_bad_signature_of_a_known_signer_condemns_the_message() -> None:
    bad = signer_info(ec_holder(), covered=bytes(32))
    assert verify(message(signer_info(), bad)).signers
    with pytest.raises(SignatureInvalid):
        verify(message(signer_info(), bad), rsa_holder(), ec_holder())


def test_signers_with_different_digests_verify_side_by_side() -> None:
    other = algorithms.digest_algorithm(Digest.SHA512)
    attributes = attributes_to_sign(digest_of(TEXT, Digest.SHA512), signing(digest=Digest.SHA512), DATA)
    signature = ec_holder().sign_digest(
        digest_octets(attributes, Digest.SHA512), algorithm=Digest.SHA512, scheme=SignatureScheme.ECDSA
    )
    info = signer_info(
        ec_holder(),
        attributes=attributes,
        digest=other,
        algorithm=algorithms.signature_algorithm(SignatureScheme.ECDSA, Digest.SHA512),
        signature=signature,
    )
    both = message(signer_info(), info, digests=SHA256 + other)
    assert signature_digests(both, limits=DEFAULT_LIMITS) == {Digest.SHA256, Digest.SHA512}
    signed = verify(both, rsa_holder(), ec_holder())
    assert [signer.digest for signer in signed.signers] == [Digest.SHA256, Digest.SHA512]


def test_a_signer_named_by_key_identifier_is_found() -> None:
    key_id = rsa_holder().certificate.subject_key_id
    assert verify(message(signer_info(signer=tlv.tlv(0x80, key_id)))).signers
    with pytest.raises(SignerUnknown):
        verify(message(signer_info(signer=tlv.tlv(0x80, key_id[:-1] + b"\x00"))))


def test_a_key_identifier_is_computed_where_the_certificate_has_none() -> None:
    bare = mint(rsa_holder().key, "bare", serial=9, key_identifier=False)
    assert bare.certificate.subject_key_id == b""
    info = signer_info(bare, signer=tlv.tlv(0x80, rsa_holder().certificate.subject_key_id))
    assert verify(message(info), bare).signers[0].certificate == bare.certificate


# --- attributes


def test_a_signature_without_attributes_covers_the_content() -> None:
    info = signer_info(attributes=b"", covered=digest_of(TEXT))
    signed = verify(message(info))
    assert not signed.signers[0].with_attributes
    assert signed.signers[0].signing_time is None
    with pytest.raises(SignatureInvalid):
        verify(message(info, kind="1.2.3.4"))


def test_attributes_presented_as_content_do_not_verify() -> None:
    """A signature over attributes, stripped of them, fits a content that consists of them."""
    attributes = attribute_set()
    info = signer_info(attributes=b"", covered=digest_octets(attributes, Digest.SHA256))
    with pytest.raises(SignatureInvalid):
        read_signed([message(info, content=attributes)])


@pytest.mark.parametrize("missing", ["contentType", "messageDigest"])
def test_a_missing_binding_attribute_does_not_verify(missing: str) -> None:
    nodes = [node.raw for node in tlv.parse(attribute_set()).children()]
    oid = {"contentType": "1.2.840.113549.1.9.3", "messageDigest": "1.2.840.113549.1.9.4"}[missing]
    left = tlv.set_of(*(node for node in nodes if tlv.oid(oid) not in node))
    with pytest.raises(SignatureInvalid):
        verify(message(signer_info(attributes=left)))


def test_a_signed_content_type_other_than_the_contents_does_not_verify() -> None:
    other = attributes_to_sign(digest_of(TEXT), signing(), "1.2.3.4")
    with pytest.raises(SignatureInvalid):
        verify(message(signer_info(attributes=other)))
    assert verify(message(signer_info(attributes=other), kind="1.2.3.4")).signers


@pytest.mark.parametrize("twice", ["attribute", "value"])
def test_a_binding_attribute_twice_is_malformed(twice: str) -> None:
    value = tlv.octet_string(digest_of(TEXT))
    kind = tlv.oid("1.2.840.113549.1.9.4")
    nodes = [node.raw for node in tlv.parse(attribute_set()).children()]
    if twice == "attribute":
        nodes.append(tlv.sequence(kind, tlv.set_of(value)))
    else:
        nodes = [tlv.sequence(kind, tlv.set_of(value, value)) if kind in node else node for node in nodes]
    with pytest.raises(Malformed):
        verify(message(signer_info(attributes=tlv.set_of(*nodes))))


def test_attributes_signed_in_the_order_sent_verify() -> None:
    """Interop: some sign an unsorted set as it is; RFC 5652 5.4 wants the DER order."""
    nodes = sorted((node.raw for node in tlv.parse(attribute_set()).children()), reverse=True)
    unsorted = tlv.tlv(tlv.SET, *nodes)
    assert unsorted != attribute_set()
    assert verify(message(signer_info(attributes=unsorted))).signers
    in_der = digest_octets(attribute_set(), Digest.SHA256)
    assert verify(message(signer_info(attributes=unsorted, covered=in_der))).signers


@pytest.mark.parametrize(
    ("tag", "text", "moment"),
    [
        (0x17, b"261125120000Z", NOW),
        (0x17, b"2611251200Z", NOW),
        (0x17, b"261125133000+0130", NOW),
        (0x17, b"261125103000-0130", NOW),
        (0x17, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x17, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x18, b"20261125120000Z", NOW),
        (0x18, b"20261125120000.25Z", NOW),
        (0x18, b"20501231000000Z", datetime(2050, 12, 31, tzinfo=UTC)),
    ],
)
def test_signing_times_in_every_form_are_read(tag: int, text: bytes, moment: datetime) -> None:
    assert read_time(tlv.parse(tlv.tlv(tag, text))) == moment


@pytest.mark.parametrize("text", [b"", b"Z", b"x", b"261325120000Z", b"26112512\xff", b"+0100", b"9" * 40])
@pytest.mark.parametrize("tag", [0x17, 0x18, 0x04])
def test_unreadable_signing_times_are_malformed(tag: int, text: bytes) -> None:
    with pytest.raises(Malformed):
        read_time(tlv.parse(tlv.tlv(tag, text)))


@pytest.mark.parametrize("year", [1950, 2026, 2049, 2050, 2120])
def test_written_signing_times_read_back(year: int) -> None:
    moment = datetime(year, 3, 1, 10, tzinfo=timezone(timedelta(hours=2)))
    node = tlv.parse(time_value(moment))
    assert node.tag == (0x17 if year < 2050 else 0x18)
    assert read_time(node) == moment


# --- algorithms that do not fit


def test_md5_is_refused() -> None:
    with pytest.raises(UnsupportedAlgorithm):
        signature_digests(message(signer_info(digest=MD5), digests=MD5), limits=DEFAULT_LIMITS)
    with pytest.raises(UnsupportedAlgorithm):
        verify(message(signer_info(digest=MD5), digests=MD5))
    with pytest.raises(UnsupportedAlgorithm):
        verify(message(signer_info(algorithm=algorithms.algorithm("1.2.840.113549.1.1.4"))))


def test_sha1_verifies_and_is_reported() -> None:
    assert read_signed([attached(TEXT, signing(digest=Digest.SHA1))])[1].signers[0].digest is Digest.SHA1


@pytest.mark.parametrize(
    ("holder", "scheme"),
    [
        (ec_holder, SignatureScheme.RSA_PKCS1),
        (ec_holder, SignatureScheme.RSA_PSS),
        (rsa_holder, SignatureScheme.ECDSA),
    ],
)
def test_a_key_of_another_kind_than_the_scheme_does_not_verify(
    holder: Callable[[], HeldKey], scheme: SignatureScheme
) -> None:
    named = algorithms.signature_algorithm(scheme, Digest.SHA256)
    with pytest.raises(SignatureInvalid):
        verify(message(signer_info(holder(), algorithm=named)), holder())


def test_digest_and_signature_algorithm_must_agree() -> None:
    sha512_rsa = algorithms.algorithm("1.2.840.113549.1.1.13", tlv.null())
    with pytest.raises(UnsupportedAlgorithm):
        verify(message(signer_info(algorithm=sha512_rsa)))


def test_a_digest_that_was_not_announced_is_malformed() -> None:
    with pytest.raises(Malformed):
        read_signed([message(signer_info(), digests=algorithms.digest_algorithm(Digest.SHA512))])


@pytest.mark.parametrize(
    "oid", ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.840.10045.2.1"], ids=["rsa", "sha256-rsa", "ec-key"]
)
@pytest.mark.parametrize("parameters", [b"", b"\x05\x00"], ids=["absent", "null"])
def test_signature_algorithm_spellings_verify(oid: str, parameters: bytes) -> None:
    holder = ec_holder() if oid.startswith("1.2.840.10045") else rsa_holder()
    digest = tlv.sequence(tlv.oid(algorithms.DIGEST_OIDS[Digest.SHA256]), parameters)
    info = signer_info(holder, algorithm=algorithms.algorithm(oid, parameters), digest=digest)
    assert verify(message(info, digests=digest), holder).signers


def pss_parameters(
    *, digest: Digest = Digest.SHA256, mask: Digest = Digest.SHA256, salt: int = 32, trailer: int | None = None
) -> bytes:
    parts = [
        tlv.tlv(tlv.context(0), algorithms.digest_algorithm(digest)),
        tlv.tlv(tlv.context(1), algorithms.algorithm(algorithms.MGF1, algorithms.digest_algorithm(mask))),
        tlv.tlv(tlv.context(2), tlv.integer(salt)),
    ]
    if trailer is not None:
        parts.append(tlv.tlv(tlv.context(3), tlv.integer(trailer)))
    return algorithms.algorithm(algorithms.RSASSA_PSS, tlv.sequence(*parts))


def test_pss_parameters_as_they_should_be_verify() -> None:
    for fitting in (pss_parameters(), pss_parameters(trailer=1)):
        assert verify(message(signer_info(scheme=SignatureScheme.RSA_PSS, algorithm=fitting))).signers


def test_pss_without_parameters_means_the_digest_of_the_signer_info() -> None:
    """Interop: pyas2lib writes it so, with the longest salt."""
    bare = algorithms.algorithm(algorithms.RSASSA_PSS)
    key = rsa_holder().key
    assert isinstance(key, RSAPrivateKey)
    longest = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)
    covered = attribute_set()
    for signature in (None, key.sign(covered, longest, hashes.SHA256())):
        info = signer_info(scheme=SignatureScheme.RSA_PSS, algorithm=bare, signature=signature)
        assert verify(message(info)).signers
    with pytest.raises(SignatureInvalid):
        verify(message(signer_info(scheme=SignatureScheme.RSA_PKCS1, algorithm=bare)))


@pytest.mark.parametrize(
    ("algorithm", "fault"),
    [
        (pss_parameters(digest=Digest.SHA512), UnsupportedAlgorithm),
        (pss_parameters(mask=Digest.SHA1), SignatureInvalid),
        (pss_parameters(salt=31), SignatureInvalid),
        (pss_parameters(salt=1000), SignatureInvalid),
        (pss_parameters(salt=-1), Malformed),
        (pss_parameters(salt=10**6), Malformed),
        (pss_parameters(trailer=2), UnsupportedAlgorithm),
        (algorithms.algorithm(algorithms.RSASSA_PSS, tlv.sequence()), UnsupportedAlgorithm),
        (algorithms.algorithm(algorithms.RSASSA_PSS, tlv.integer(1)), Malformed),
    ],
)
def test_pss_parameters_that_do_not_fit_are_refused(algorithm: bytes, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        verify(message(signer_info(scheme=SignatureScheme.RSA_PSS, algorithm=algorithm)))


# --- writing


@pytest.mark.parametrize("size", [0, 1, 100, 65536, len(LARGE)])
@pytest.mark.parametrize("scheme", [SignatureScheme.RSA_PKCS1, SignatureScheme.RSA_PSS])
def test_the_announced_size_is_the_written_one(size: int, scheme: SignatureScheme) -> None:
    plan = signing(scheme=scheme, certificates=(rsa_holder().certificate_der,))
    content = LARGE[:size]
    assert signed_size(size, plan) == len(attached(content, plan))


@pytest.mark.parametrize("actual", [0, 99, 101, 100_000])
@pytest.mark.parametrize("holder", [rsa_holder(), ec_holder()], ids=["rsa", "ec"])
def test_content_of_another_size_than_announced_is_refused(actual: int, holder: HeldKey) -> None:
    with pytest.raises(ContentSizeDiffers):
        whole(sign_attached(pieces(LARGE[:actual]), signing(holder), size=100))


@pytest.mark.parametrize("size", [100, 65536, 65537, len(LARGE)])
def test_ec_signed_content_is_definite_up_to_64_kib(size: int) -> None:
    plan = signing(ec_holder())
    written = attached(LARGE[:size], plan)
    assert (written[1] != 0x80) is (size <= 65536)
    assert signed_size(size, plan) is None
    assert read_signed([written], ec_holder())[0] == LARGE[:size]


def test_a_digest_of_the_wrong_length_is_the_callers_fault() -> None:
    with pytest.raises(CallerFault):
        sign_detached(digest_of(TEXT, Digest.SHA1), signing())


def test_certificates_are_written_in_der_order_and_each_as_it_is() -> None:
    """A SET OF (X.690 11.6): readers that insist on DER refuse any other order."""
    ours = sorted((rsa_holder().certificate_der, ec_holder().certificate_der))
    for given in (ours, ours[::-1]):
        message = detached(TEXT, signing(certificates=tuple(given)))
        assert ours[0] + ours[1] in message


def test_no_signing_time_is_written_where_none_is_planned() -> None:
    plan = replace(signing(), signing_time=None)
    assert read_signed([attached(TEXT, plan)])[1].signers[0].signing_time is None
