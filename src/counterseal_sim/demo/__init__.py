"""The demo: two real gateways on one machine renew a certificate and trade, and every sentence about it is checked before it is said."""
