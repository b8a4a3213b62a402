"""Payloads as files, behind the engine's ``Blobs``."""

from counterseal.adapters.blobs.folder import BlobClosed, FolderBlobs

__all__ = ["BlobClosed", "FolderBlobs"]
