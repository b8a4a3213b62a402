"""Counterseal: a B2B gateway that keeps the certificates of every trading relationship fresh."""

__version__ = "0.1.0"
