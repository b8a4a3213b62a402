"""OFTP2 (RFC 5024) without I/O: bytes, events, verbs and ``now`` in; bytes, events and a deadline out.

Reading order: ``commands`` (the field tables), ``states`` (the transition tables), ``session`` (the interface), then the
phases ``opening``, ``speaking`` and ``listening``. ``security`` and ``endresponse`` stand beside the session: they turn
files and receipts into CMS and back, and the session never calls them.
"""
