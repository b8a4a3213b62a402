"""Certificate Exchange Messaging (draft-meadors-certificate-exchange-14): bytes to values and back, no decisions."""
