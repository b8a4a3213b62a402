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
from counterseal.domain.wizard.partners import Candidate, Eligible, LeftOut, eligible, eligible_over
from counterseal.domain.wizard.preflight import (
    FieldDifference,
    Forecast,
    Preflight,
    PreflightLine,
    Replaced,
    RuleSource,
    learn,
    preflight,
    rules_of,
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
    "FieldDifference",
    "FieldError",
    "Finish",
    "FinishOrder",
    "Forecast",
    "KeyChoice",
    "LeftOut",
    "Preflight",
    "PreflightLine",
    "Replaced",
    "RuleSource",
    "Told",
    "check_fields",
    "check_respond_by",
    "eligible",
    "eligible_over",
    "findings_about",
    "learn",
    "plan_finish",
    "preflight",
    "rules_of",
]
