"""What can be wrong with a CEM message as a whole: faults that refuse it, told to the peer by an error MDN.

A trust decision is never here (cem.md section 6: transport or format fault -> MDN, trust decision -> CEM Response). What
is wrong with one certificate of a Request is an ``Offer.problem``; which row of section 6 goes which way stands in
``matrix``. Details name what was expected and what came, never more of the content than a name.
"""

from counterseal.kernel.errors import CallerFault, PeerFault


class CEMFault(PeerFault):
    """A CEM message that cannot be taken; the family of everything below."""

    code = "cem.fault"


class TooLarge(CEMFault):
    """More octets, parts, elements or levels than the ``Limits`` allow."""

    code = "cem.too-large"


class MalformedXML(CEMFault):
    """Not well-formed (row 4)."""

    code = "cem.malformed-xml"


class DTDForbidden(CEMFault):
    """A document type declaration: refused whatever it declares (cem.md section 7)."""

    code = "cem.dtd-forbidden"


class SchemaInvalid(CEMFault):
    """Well-formed, but not valid against the schema of Appendix A.1 (rows 5 and 30)."""

    code = "cem.schema-invalid"


class WrongRoot(CEMFault):
    """The root is neither a Request nor a Response (row 5)."""

    code = "cem.wrong-root"


class NotCEM(CEMFault):
    """The entity is no multipart/related of CEM, and holds none (row 6)."""

    code = "cem.not-cem"


class MalformedPackage(CEMFault):
    """The MIME structure cannot be read: boundaries, headers, transfer encodings (row 6)."""

    code = "cem.malformed-package"


class XMLPartMissing(CEMFault):
    """No part is application/ediint-cert-exchange+xml (row 6)."""

    code = "cem.xml-part-missing"


class XMLPartAmbiguous(CEMFault):
    """Two parts are application/ediint-cert-exchange+xml (row 6)."""

    code = "cem.xml-part-ambiguous"


class XMLPartNotRoot(CEMFault):
    """``start`` names another part than the XML part (row 6)."""

    code = "cem.xml-part-not-root"


class ContentIDMissing(CEMFault):
    """A certificate part has no Content-ID, and there is more than one it could be (row 6)."""

    code = "cem.content-id-missing"


class ContentIDDuplicate(CEMFault):
    """Two parts have the same Content-ID (row 6)."""

    code = "cem.content-id-duplicate"


class NothingUsable(CEMFault):
    """A Request in which not one certificate can be found (row 8)."""

    code = "cem.nothing-usable"


class NameMismatch(CEMFault):
    """TradingPartnerInfo/Name is not the sender of the carrying message (row 7). Raised by the engine, which knows it."""

    code = "cem.name-mismatch"


class IllegalValue(CallerFault):
    """A CEM value that the draft does not allow."""

    code = "cem.illegal-value"
