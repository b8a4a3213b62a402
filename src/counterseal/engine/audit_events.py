"""What each event in the audit trail means: the list that the reference page shows. A test finds every name in the engine's source
here, and every name here in the source."""

from collections.abc import Mapping
from typing import Final

EVENTS: Final[Mapping[str, str]] = {
    # configuration
    "community.created": "A community was set up.",
    "community.changed": "Name, contact or rules of a community changed; the facts say from what to what.",
    "station.created": "A station of ours was set up.",
    "station.changed": "A station of ours changed.",
    "partner.created": "A partner was set up.",
    "partner.changed": "A partner's name, owner or note changed.",
    "agreement.created": "An agreement with a partner was set up.",
    "agreement.changed": "Terms of an agreement changed; passwords are only said to have changed.",
    # payloads
    "payloads.set-aside": "Payloads that no document names, left behind by a crash, were set aside; they are removed a month later.",
    # payloads
    "payloads.set-aside": "Payloads that no document names, left behind by a crash, were set aside; they are removed a month later.",
    # certificates
    "certificate.added": "A certificate is held from now on: made, imported, or given by a partner. It has no use yet.",
    "certificate.changed": "A certificate's label changed.",
    "certificate.assigned": "A person or a configuration put a certificate to use in an agreement, at once.",
    "certificate.delivered-accepted": "A partner accepted a certificate that its Request had brought it, and it went into use.",
    "certificate.first-used": "Traffic of a partner used a certificate for the first time, in the agreement and usage that the facts name.",
    "certificate.retired": "An old or unused certificate left service by itself: expired, or its successor is used and it is not.",
    "agreement.changed-back": "A partner proved after a change that it cannot verify or decrypt: it was put back on the certificate before.",
    "listener.changed-over": "Every partner accepted, or the date came and none rejected: a listener of ours presents the new certificate.",
    "listener.certificate-assigned": "A certificate was put to use at a listener of ours.",
    # trust requests, ours
    "trust-request.started": "Partners are asked to trust a new certificate of ours (Finish of the wizard).",
    "trust-request.date-changed": "The respond-by date of a trust request changed.",
    "trust-request.withdrawn": "A trust request was withdrawn with all its open exchanges.",
    "exchange.accepted": "A partner accepted our certificate, or a person recorded that it did.",
    "exchange.rejected": "A partner rejected our certificate, or a person recorded that it did.",
    "exchange.deliver-came": "A certificate of the partner came as a Deliver while our Request was open, and was tied to it.",
    "exchange.withdrawn": "One partner is not asked any more.",
    "exchange.reminded": "A person had the request sent once more to a partner that has it.",
    "exchange.resent": "A person had the request sent again.",
    "exchange.changed-over": "The respond-by date came, and the new certificate went into use with this partner.",
    "exchange.switched-now": "A person put the new certificate into use with this partner without waiting.",
    "exchange.switched-back": "A person put this partner back on the certificate before.",
    # trust requests, theirs
    "offer.received": "A partner asks us to trust new certificates of its own.",
    "offer.approved-first": "The first of two people approved a received certificate.",
    "offer.accepted": "A received certificate was accepted, by a person or by policy.",
    "offer.rejected": "A received certificate was rejected; the partner is told the reason.",
    "offer.replace-undone": "A person put a certificate back that an accepted SCX Replace had ended.",
    "offer.request-answered": "An SCX Request is answered with our own certificates.",
    "root.added": "A certification authority is trusted from now on, by the community or for one partner.",
    "root.removed": "A certification authority is trusted no more; what was accepted stays in use.",
    # documents, receipts, files
    "document.queued": "A document was handed in for a partner.",
    "document.requeued": "A person had a document sent again.",
    "document.cancelled": "A person ended the attempts to send a document.",
    "document.refused": "A message from a partner was refused, and the partner was told.",
    "receipt.refused": "A receipt did not prove what it claims; the document's state does not rest on it.",
    "receipt.unknown-message": "A receipt names a message that we did not send.",
    "receipt.unknown-file": "An end response names a file that we did not send.",
    "receipt.released": "A person let a receipt go out that was held back.",
    "receipt.rejected": "A person refused a file whose receipt was held back.",
    "as2.refused-client-certificate": "A message came without the TLS client certificate that was agreed; nothing was stored.",
    "as2.refused-unknown": "Somebody without an agreement called at the AS2 address; nothing was stored.",
    "oftp2.session-refused": "An OFTP2 session ended at its start: a wrong code, password or certificate.",
    "file.refused": "A partner refused a file of ours.",
    "file.broken": "A file from a partner did not arrive whole.",
    "partner.called": "A person had a partner called.",
    # people
    "people.first-start-link-made": "A link that creates the first administrator was made.",
    "people.first-administrator-created": "The first administrator was created by that link.",
    "people.user-created": "A user was added.",
    "people.user-enabled": "A user may sign in again.",
    "people.user-disabled": "A user may no longer sign in; open sessions ended.",
    "people.link-made": "A one-time link was made for a user, to sign in or to set a password.",
    "people.password-set": "A user set a password.",
    "people.signed-in": "Somebody signed in.",
    "people.signed-out": "Somebody signed out.",
    "people.sign-in-refused": "A sign-in with a wrong name or password was refused.",
    "people.sign-in-slowed": "Too many wrong passwords: sign-ins with this name wait.",
    "people.token-created": "An API token was made; the facts name its scopes.",
    "people.token-revoked": "An API token was revoked.",
}
