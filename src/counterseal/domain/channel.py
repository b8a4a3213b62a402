"""Which way a certificate conversation can take with one agreement, and why not another."""

from enum import StrEnum


class Channel(StrEnum):
    CEM = "cem"
    SCX = "scx"
    MAIL = "mail"
    PORTAL = "portal"


class SCXType(StrEnum):
    REQUEST = "request"
    DELIVER = "deliver"
    REPLACE = "replace"
