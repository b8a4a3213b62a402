"""A form that cannot be accepted, field by field."""

from counterseal.domain.wizard import FieldError
from counterseal.kernel.errors import CallerFault


class FieldErrors(CallerFault):
    """Fields that a person has to correct; nothing was stored. ``errors`` are in the order of the form."""

    code = "engine.field-errors"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(" ".join(e.text for e in errors[:5]))
        self.errors = errors
