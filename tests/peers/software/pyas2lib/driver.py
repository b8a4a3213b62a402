"""Drives pyas2lib: a receiver on the loopback, and documents sent on request (see tests/peers/peer.py)."""

import http.client
import itertools
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pyas2lib import as2

FOLDER = Path(os.environ["PEER"])
SAID = dict(line.split("=", 1) for line in (FOLDER / "peer.properties").read_text().splitlines())
CIPHERS = {
    "aes-128-cbc": "aes_128_cbc",
    "aes-192-cbc": "aes_192_cbc",
    "aes-256-cbc": "aes_256_cbc",
    "3des-cbc": "tripledes_192_cbc",
}
NUMBERS = itertools.count(1)
OWN = (FOLDER / "own.key.pem").read_bytes() + (FOLDER / "own.cert.pem").read_bytes()
sent: dict[str, as2.Message] = {}
receipts: dict[str, tuple[threading.Event, dict[str, object]]] = {}
logging.basicConfig(level=logging.INFO)


def us(form: str) -> as2.Organization:
    return as2.Organization(
        as2_name=SAID[f"{form}.name"],
        sign_key=OWN,
        sign_key_pass="",
        decrypt_key=OWN,
        decrypt_key_pass="",
        mdn_url=SAID["receipt_url"],
    )


def gateway(form: str) -> as2.Partner:
    said = {key.split(".", 1)[1]: value for key, value in SAID.items() if key.startswith(f"{form}.")}
    certificate = (FOLDER / "gateway.cert.pem").read_bytes()
    digest = said["sign"].replace("-", "") or "sha256"
    return as2.Partner(
        as2_name=SAID["gateway"],
        verify_cert=certificate,
        encrypt_cert=certificate,
        validate_certs=False,
        sign=bool(said["sign"]),
        digest_alg=digest,
        sign_alg="rsassa_pss" if said["pss"] == "true" else "rsassa_pkcs1v15",
        encrypt=bool(said["encrypt"]),
        enc_alg=CIPHERS.get(said["encrypt"], "aes_256_cbc"),
        key_enc_alg="rsaes_oaep" if said["oaep"] == "true" else "rsaes_pkcs1v15",
        compress=said["compress"] != "none",
        mdn_mode={"none": None, "sync": "SYNC", "async": "ASYNC"}[said["receipt"]],
        mdn_digest_alg=digest if said["receipt_signed"] == "true" else None,
        canonicalize_as_binary=said["encoding"] == "binary",
    )


FORM_OF = {SAID[f"{form}.name"]: form for form in SAID["forms"].split(",")}
US = {form: us(form) for form in FORM_OF.values()}
GATEWAY = {form: gateway(form) for form in FORM_OF.values()}


def post(
    url: str, headers: dict[str, str], body: bytes, *, chunked: bool = False
) -> tuple[int, list[tuple[str, str]], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    blocks = (body[at : at + 1000] for at in range(0, len(body), 1000)) if chunked else body
    connection.request("POST", parts.path or "/", body=blocks, headers=headers, encode_chunked=chunked)
    answer = connection.getresponse()
    got = answer.status, answer.getheaders(), answer.read()
    connection.close()
    return got


def raw(headers: list[tuple[str, str]], body: bytes) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n" + body


def judged(status: int, octets: bytes) -> dict[str, object]:
    """A receipt, by what the library says of it."""
    receipt = as2.Mdn()
    said, detail = receipt.parse(octets, lambda message_id, _: sent.get(message_id))
    mic = "different" if "Integrity" in (detail or "") else "equal"
    return {
        "status": status,
        "disposition": said,
        "signed": b"multipart/signed" in octets.split(b"\r\n\r\n", 1)[0],
        "mic": mic if b"Received-Content-MIC" in octets or b"received-content-mic" in octets.lower() else "absent",
        "error": "" if said == "processed" else detail or "",
        "id": receipt.orig_message_id,
    }


def send(form: str, path: str, name: str) -> dict[str, object]:
    message = as2.Message(US[form], GATEWAY[form])
    message.build(
        Path(path).read_bytes(),
        filename=name,
        content_type="application/octet-stream",
        disposition_notification_to="edi@peer.example",
    )
    sent[message.message_id] = message
    waiting = receipts[message.message_id] = (threading.Event(), {})
    asked = dict(message.headers)
    chunked = SAID[f"{form}.chunked"] == "true"
    if chunked:
        asked["Transfer-Encoding"] = "chunked"
    status, headers, body = post(SAID[f"{form}.gateway_url"], asked, message.content, chunked=chunked)
    match SAID[f"{form}.receipt"]:
        case "none":
            return {"status": status}
        case "async":
            if not 200 <= status < 300:
                return {"status": status, "error": body.decode(errors="replace")}
            return (
                {**waiting[1], "status": status}
                if waiting[0].wait(30)
                else {"status": status, "error": "no receipt came"}
            )
        case _:
            return judged(status, raw(headers, body))


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        octets = raw(self.headers.items(), self.body())
        if self.path == "/receipts":
            said = judged(200, octets)
            event, kept = receipts[str(said["id"])]
            kept.update(said)
            event.set()
            self.answer({}, b"")
            return
        message = as2.Message()
        to = self.headers["AS2-To"].strip('"')
        status, (error, trace), receipt = message.parse(
            octets, lambda _: US[FORM_OF[to]], lambda _: GATEWAY[FORM_OF[to]], lambda *_: False
        )
        if status == "processed":
            number = f"{next(NUMBERS):04d}"
            (FOLDER / "received" / f"{number}.bin").write_bytes(message.content)
            (FOLDER / "received" / f"{number}.tmp").write_text(
                json.dumps({"to": to, "name": message.payload.get_filename()})
            )
            (FOLDER / "received" / f"{number}.tmp").rename(FOLDER / "received" / f"{number}.json")
        else:
            print(status, error, trace, file=sys.stderr, flush=True)
        if receipt is None:
            self.answer({}, b"")
        elif receipt.mdn_url:
            self.answer({}, b"")
            threading.Thread(target=post, args=(receipt.mdn_url, receipt.headers, receipt.content)).start()
        else:
            self.answer(receipt.headers, receipt.content)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        gathered = []
        while size := int(self.rfile.readline(), 16):
            gathered.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(gathered)

    def answer(self, headers: dict[str, str], body: bytes) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(SAID["port"])), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        _, form, path, name = line.rstrip("\n").split("\t")
        try:
            told = send(form, path, name)
        except Exception as error:
            logging.exception("not sent")
            told = {"error": repr(error)}
        print(json.dumps(told), flush=True)


main()
