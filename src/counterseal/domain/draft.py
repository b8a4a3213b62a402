"""What a person has filled in between the pages of the wizard: vault-encrypted, owned, short-lived."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.kernel.ids import CommunityId, DraftId

LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One run through the wizard. ``sealed`` holds fields and key; wiped at Finish, Cancel or ``expires_at``."""

    id: DraftId
    community_id: CommunityId
    owner: str
    sealed: bytes
    created_at: datetime
    expires_at: datetime
