"""OFTP2 above the wire: which files go, which come, what is owed, and when a partner is called.

A document on its way out                               a file on its way in
  securing       ciphertext and SFID stored               admission    SFID judged before a byte is stored
  calling        a session when one is due                incoming     kept as it comes, whole, then opened
  outgoing       offered, sent, confirmed                 incoming     document, receipt and EFPA in this order
  receipts       the partner's EERP or NERP checked       receipts     ours, stored first, until RTR

``conversation`` joins them to one session of ``protocols.oftp2``; ``adapters/tcp`` gives it octets and time.
"""
