"""The certificate wizard's decisions (product.md section 2): fields, findings, partners, and what Finish stores."""

from counterseal.domain.wizard.fields import (
    DEFAULT_MONTHS,
    DIGESTS,
    KEY_CHOICES,
    PURPOSE_CHOICES,
    CertificateFields,
    CertificateWish,
    FieldError,
    KeyChoice,
    check_fields,
    check_respond_by,
)
from counterseal.domain.wizard.finish import Finish, FinishOrder, Told, plan_finish
from counterseal.domain.wizard.partners import (
    Candidate,
    Eligible,
    LeftOut,
    Preflight,
    PreflightLine,
    eligible,
    preflight,
)
from counterseal.domain.wizard.review import findings_about

__all__ = [
    "DEFAULT_MONTHS",
    "DIGESTS",
    "KEY_CHOICES",
    "PURPOSE_CHOICES",
    "Candidate",
    "CertificateFields",
    "CertificateWish",
    "Eligible",
    "FieldError",
    "Finish",
    "FinishOrder",
    "KeyChoice",
    "LeftOut",
    "Preflight",
    "PreflightLine",
    "Told",
    "check_fields",
    "check_respond_by",
    "eligible",
    "findings_about",
    "plan_finish",
    "preflight",
]
