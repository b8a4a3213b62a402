"""Automatic certificate exchange of OFTP2 (SCX, also ACE and ACX): the wire knowledge, no decisions.

What stands here comes from `oftp2-scx.md` part II, where every fact has its source; the text of Odette's OP08 was not at hand.
"""
