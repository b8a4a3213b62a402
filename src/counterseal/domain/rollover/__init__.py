"""The change of assignments from old to new, hot because both work in between (product.md section 3).

Every function here is pure and gives a ``Plan``: typed steps, findings, and when to ask again. ``carry_out`` turns steps into
assignments. Which certificate is used for what is decided in ``resolve`` alone.

    Finish                plan_staging           staged in every usage, before anybody is told
    they accepted         decide_on_acceptance   active, the old one retiring
    the date passed       decide_at_date         likewise, by rule, never after a rejection
    all have accepted     decide_listener_cutover  TLS server certificate of a listener
    we accepted theirs    plan_accept_theirs, plan_replace
    they cannot read us   decide_healing         back to the old one, once
    a person              plan_assign, switch_now, switch_back, plan_retirement, plan_revocation
    time                  decide_retirement
"""

from counterseal.domain.rollover.changeover import changed_back, plan_activation
from counterseal.domain.rollover.hands import (
    plan_assign,
    plan_retirement,
    plan_revocation,
    slot_of,
    switch_back,
    switch_now,
)
from counterseal.domain.rollover.healing import FailureSignal, Healed, NotHealed, decide_healing
from counterseal.domain.rollover.ours import (
    decide_at_date,
    decide_listener_cutover,
    decide_on_acceptance,
    decide_on_delivery,
    hint_of_use,
    in_place_of,
    in_use_since,
    listener_slot,
    our_slots,
    plan_staging,
)
from counterseal.domain.rollover.retirement import LATE_TRAFFIC, decide_retirement
from counterseal.domain.rollover.steps import (
    Activate,
    Disassociate,
    Place,
    Plan,
    PlanOutOfDate,
    Retire,
    RetirementReason,
    Revoke,
    Slot,
    Stage,
    Step,
    SwitchBack,
    carry_out,
    mark_seen,
)
from counterseal.domain.rollover.theirs import plan_accept_theirs, plan_replace, their_slots

__all__ = [
    "LATE_TRAFFIC",
    "Activate",
    "Disassociate",
    "FailureSignal",
    "Healed",
    "NotHealed",
    "Place",
    "Plan",
    "PlanOutOfDate",
    "Retire",
    "RetirementReason",
    "Revoke",
    "Slot",
    "Stage",
    "Step",
    "SwitchBack",
    "carry_out",
    "changed_back",
    "decide_at_date",
    "decide_healing",
    "decide_listener_cutover",
    "decide_on_acceptance",
    "decide_on_delivery",
    "decide_retirement",
    "hint_of_use",
    "in_place_of",
    "in_use_since",
    "listener_slot",
    "mark_seen",
    "our_slots",
    "plan_accept_theirs",
    "plan_activation",
    "plan_assign",
    "plan_replace",
    "plan_retirement",
    "plan_revocation",
    "plan_staging",
    "slot_of",
    "switch_back",
    "switch_now",
    "their_slots",
]
