"""Communities, stations, partners, agreements and certificates as a text that can be applied and exported.

text.py     YAML or JSON, measured by the field tables of schema.py and terms.py; every error with line and field
entries.py  into typed values; files, secrets and key files are opened here
plan.py     compared with the store: changes, notes, and the values that carry them out
apply.py    in one transaction
export.py   the way back
save.py     one thing at a time, for forms
"""

from counterseal.engine.configuration.applying import apply, plan, read
from counterseal.engine.configuration.changes import Change, Changes, Note, Verb
from counterseal.engine.configuration.entries import NoSources, SourceRefused, Sources
from counterseal.engine.configuration.exporting import export
from counterseal.engine.configuration.model import Configuration, ConfigurationError, ConfigurationRefused
from counterseal.engine.configuration.saving import save_agreement, save_community, save_partner, save_station

__all__ = [
    "Change",
    "Changes",
    "Configuration",
    "ConfigurationError",
    "ConfigurationRefused",
    "NoSources",
    "Note",
    "SourceRefused",
    "Sources",
    "Verb",
    "apply",
    "export",
    "plan",
    "read",
    "save_agreement",
    "save_community",
    "save_partner",
    "save_station",
]
