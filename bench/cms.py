"""CMS beside the raw primitives and ``openssl cms``: sign+encrypt and decrypt+verify, throughput and peak memory.

    python bench/cms.py [--full] [--rounds N]      (10 KB, 1 MB, 200 MB; --full: 2 GB too)

Signed with RSA-2048 and SHA-256 (SignedData around the content), encrypted with AES-256-CBC to one RSA-2048 recipient. *raw* is
AES-256-CBC of the whole content and then SHA-256 of it, in the same buffers and the same process, between the other measurements;
*ratio* is ours to that in processor time, which other work on the machine changes least; 0.85 is the goal at 200 MB. Each size and direction runs in a process of its own, whose peak is the
kernel's VmHWM, imports included; the goal is 60 MB. Decimal units. The best of the rounds counts: everything slower is the
machine's other work. ``openssl cms`` signs and encrypts through a pipe between two processes, and its peak is the larger one's.
"""

import argparse
import contextlib
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "200 MB": 200_000_000}
FULL = {"2 GB": 2_000_000_000}
CHUNK = 256 * 1024
DIRECTIONS = ("sign+encrypt", "decrypt+verify")


# --- the process that measures; it alone imports the code


def child(direction: str, size: int, rounds: int, folder: Path) -> None:
    """Measure one size in one direction and print it as JSON."""
    sealing = direction == DIRECTIONS[0]
    work, raw = (_sealing(folder, size), _raw(size, decrypting=False)) if sealing else _opening(folder, size)
    repeat = max(1, min(200, 20_000_000 // size))
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(_timed(raw, repeat))
        ours.append(_timed(work, repeat))
    found = {"ours": min(ours)[0], "raw": min(theirs)[0], "peak": _peak()}
    found["ratio"] = min(cpu for _, cpu in theirs) / min(cpu for _, cpu in ours)
    print(json.dumps(found))


def _timed(work: Callable[[], None], repeat: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor, for one call."""
    started, used = time.perf_counter(), time.process_time()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - started) / repeat, (time.process_time() - used) / repeat


def _peak() -> int:
    """This process alone; ``ru_maxrss`` would start with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def content(size: int) -> Iterator[bytes | memoryview]:
    """``size`` octets that cost nothing to make."""
    block = _block()
    for at in range(0, size, CHUNK):
        yield block if size - at >= CHUNK else memoryview(block)[: size - at]


@functools.cache
def _block() -> bytes:
    return (b"UNB+UNOC:3+4012345000009:14+4000004000002:14+101013:1043+00000000101'\r\n" * (CHUNK // 60))[:CHUNK]


def _parties(folder: Path):
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    from counterseal.adapters.vault.keys import VaultDecrypter, VaultSigner, rejection_secret
    from counterseal.kernel.x509 import Certificate

    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    der = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes()).public_bytes(Encoding.DER)
    return Certificate.parse(der), VaultSigner(der, key), VaultDecrypter(der, key, rejection_secret(key))


def _sealed(folder: Path, size: int) -> Callable[[], Iterator[bytes | bytearray | memoryview]]:
    from datetime import UTC, datetime

    from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
    from counterseal.protocols import cms

    certificate, signer, _ = _parties(folder)
    signing = cms.SigningPlan(
        signer=signer,
        digest=Digest.SHA256,
        scheme=SignatureScheme.RSA_PKCS1,
        certificates=(certificate.der,),
        signing_time=datetime(2026, 1, 1, tzinfo=UTC),
    )
    encrypting = cms.EncryptionPlan(
        recipients=(certificate,),
        transport=KeyTransport.RSA_PKCS1,
        cipher=cms.ContentCipher.AES_256_CBC,
        authenticated=False,
    )
    signed = cms.signed_size(size, signing)
    return lambda: cms.encrypt(
        cms.sign_attached(content(size), signing, size=size), encrypting, entropy=secrets.token_bytes, size=signed
    )


def _sealing(folder: Path, size: int) -> Callable[[], None]:
    sealed = _sealed(folder, size)

    def work() -> None:
        for _ in sealed():
            pass

    return work


def _opening(folder: Path, size: int) -> tuple[Callable[[], None], Callable[[], None]]:
    from counterseal.protocols import cms

    certificate, _, decrypter = _parties(folder)
    path = folder / f"{size}.p7m"
    with path.open("wb") as file:
        for chunk in _sealed(folder, size)():
            file.write(chunk)

    def work() -> None:
        stream = cms.decrypt(_read(path), [decrypter], limits=cms.DEFAULT_LIMITS)
        signed = cms.open_signed(stream.chunks(), limits=cms.DEFAULT_LIMITS)
        for _ in signed.chunks():
            pass
        assert signed.verify([certificate]).signers

    return work, _raw(path.stat().st_size, decrypting=True, source=lambda: _read(path))


def _read(path: Path) -> Iterator[memoryview]:
    """From the page cache, into one buffer."""
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield buffer[:count]


def _raw(
    size: int, *, decrypting: bool, source: Callable[[], Iterator[bytes | memoryview]] | None = None
) -> Callable[[], None]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    chunks = source or (lambda: content(size))
    cipher = Cipher(algorithms.AES(bytes(32)), modes.CBC(bytes(16)))
    buffer = bytearray(CHUNK + 32)

    def work() -> None:
        context = cipher.decryptor() if decrypting else cipher.encryptor()
        for chunk in chunks():
            context.update_into(chunk, buffer)
        digest = hashes.Hash(hashes.SHA256())
        for chunk in content(size):
            digest.update(chunk)
        digest.finalize()

    return work


# --- openssl


def openssl(direction: str, size: int, rounds: int, folder: Path) -> dict[str, float]:
    """The same work by ``openssl cms``; best time and largest peak."""
    plain, message = folder / f"{size}.plain", folder / f"{size}.openssl"
    if not plain.exists():
        with plain.open("wb") as file:
            for chunk in content(size):
                file.write(chunk)
    own = [str(folder / "certificate.pem"), str(folder / "key.pem")]
    sign = ["-sign", "-binary", "-nodetach", "-stream", "-md", "sha256", "-signer", own[0], "-inkey", own[1]]
    encrypt = ["-encrypt", "-binary", "-stream", "-aes-256-cbc", "-recip", own[0]]
    commands = [
        [*sign, "-in", str(plain), "-outform", "DER"],
        [*encrypt, "-outform", "DER", "-out", str(message)],
    ]
    if direction == DIRECTIONS[1]:
        openssl(DIRECTIONS[0], size, 1, folder)
        commands = [
            ["-decrypt", "-binary", "-inform", "DER", "-in", str(message), "-recip", own[0], "-inkey", own[1]],
            ["-verify", "-binary", "-noverify", "-inform", "DER", "-certfile", own[0], "-out", os.devnull],
        ]
    runs = [_piped(commands) for _ in range(rounds)]
    return {"ours": min(seconds for seconds, _ in runs), "peak": max(peak for _, peak in runs)}


def _piped(commands: list[list[str]]) -> tuple[float, int]:
    """Seconds, and the peak of the larger of the two processes."""
    started = time.perf_counter()
    first = subprocess.Popen(["openssl", "cms", *commands[0]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    second = subprocess.Popen(["openssl", "cms", *commands[1]], stdin=first.stdout, stderr=subprocess.DEVNULL)
    if first.stdout is not None:
        first.stdout.close()
    peaks = []
    for process in (first, second):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, commands
        peaks.append(usage.ru_maxrss * 1024)
    return time.perf_counter() - started, max(peaks)


# --- the table


def main() -> None:
    """Run every size and direction, and print one line each."""
    parser = argparse.ArgumentParser(description="CMS beside raw primitives and openssl")
    parser.add_argument("--full", action="store_true", help="2 GB too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=3, metavar=("DIRECTION", "SIZE", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], int(chosen.child[1]), chosen.rounds, Path(chosen.child[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_party(folder)
        print(
            f"{'':8} {'':14} {'ours':>11} {'raw':>11} {'ratio':>6} {'peak':>8}   {'openssl cms':>11} {'peak':>8}",
            flush=True,
        )
        for label, size in (SIZES | (FULL if chosen.full else {})).items():
            rounds = chosen.rounds if size < 1_000_000_000 else 1
            for direction in DIRECTIONS:
                print(_line(label, direction, size, rounds, folder), flush=True)
            for path in folder.glob(f"{size}.*"):
                path.unlink()


def _make_party(folder: Path) -> None:
    """A key and a certificate as files, made by a process of its own so that this one stays small."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path; from tests.builders import mint, rsa_key\n"
        "from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat\n"
        "folder, party = Path(sys.argv[1]), mint('Bench', key=rsa_key(0))\n"
        "(folder / 'certificate.pem').write_text(party.certificate.pem)\n"
        "pem = party.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())\n"
        "(folder / 'key.pem').write_bytes(pem)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), str(Path(__file__).parents[1])], check=True)


def _line(label: str, direction: str, size: int, rounds: int, folder: Path) -> str:
    command = [sys.executable, __file__, "--rounds", str(rounds), "--child", direction, str(size), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    beside = "not installed"
    if shutil.which("openssl"):
        with contextlib.suppress(AssertionError):
            theirs = openssl(direction, size, min(rounds, 2), folder)
            beside = f"{_rate(size, theirs['ours'])} {_megabytes(theirs['peak'])}"
    return (
        f"{label:8} {direction:14} {_rate(size, found['ours'])} {_rate(size, found['raw'])} {found['ratio']:6.2f} "
        f"{_megabytes(found['peak'])}   {beside}"
    )


def _rate(size: int, seconds: float) -> str:
    return f"{size / seconds / 1e6:6.0f} MB/s"


def _megabytes(octets: float) -> str:
    return f"{octets / 1e6:5.0f} MB"


if __name__ == "__main__":
    main()
