"""The payload store: files in a data directory."""

from counterseal.adapters.blobs.folder import BlobClosed, FolderBlobs
from counterseal.adapters.blobs.payloads import Payloads

__all__ = ["BlobClosed", "FolderBlobs", "Payloads"]
