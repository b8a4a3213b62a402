"""A simulated OFTP2 partner on a loopback port, with dials for what partners do wrong. It shares our session and codec."""

from counterseal_sim.oftp2.dials import AnswerDial, OddField, OFTP2Dials, ReturnDial
from counterseal_sim.oftp2.partner import OFTP2Partner, Taken
from counterseal_sim.oftp2.relation import Relation

__all__ = ["AnswerDial", "OFTP2Dials", "OFTP2Partner", "OddField", "Relation", "ReturnDial", "Taken"]
