"""OFTP2 on the wire: ``TCPDialer`` behind the port ``Dialer``, ``OFTPListener`` for those who call us."""

from counterseal.adapters.tcp.dialer import TCPDialer
from counterseal.adapters.tcp.listener import OFTPListener
from counterseal.adapters.tcp.service import OFTP2Service

__all__ = ["OFTP2Service", "OFTPListener", "TCPDialer"]
