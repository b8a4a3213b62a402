"""What a person or program asked of one file, before the agreement fills in the rest."""

from dataclasses import dataclass

from counterseal.domain.agreement import Agreement
from counterseal.domain.usage import Protocol
from counterseal.domain.virtual_file import RecordFormat, VirtualFile, check_name, name_from


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWishes:
    """Empty and ``None`` mean: not asked for."""

    dataset_name: str = ""
    format: RecordFormat | None = None
    record_length: int = 0
    description: str = ""
    sign: bool | None = None
    compress: bool | None = None
    encrypt: bool | None = None
    receipt_signed: bool | None = None

    def file(self, agreement: Agreement, file_name: str) -> VirtualFile | None:
        """``None``: nothing was asked for. Raises ``InvalidVirtualFile``."""
        if self == FileWishes():
            return None
        of_agreement = agreement.oftp2.dataset_name if agreement.protocol is Protocol.OFTP2 else ""
        name = check_name(self.dataset_name) if self.dataset_name else of_agreement or name_from(file_name)
        return VirtualFile(
            dataset_name=name,
            format=self.format or RecordFormat.UNSTRUCTURED,
            record_length=self.record_length,
            description=self.description,
            sign=self.sign,
            compress=self.compress,
            encrypt=self.encrypt,
            receipt_signed=self.receipt_signed,
        )
