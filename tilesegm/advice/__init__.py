"""Which loss: what is known of each, and which of them suit given labels."""

from tilesegm.advice.advise import Advice, Candidate, advise
from tilesegm.advice.catalogue import Entry, catalogue

__all__ = ["Advice", "Candidate", "Entry", "advise", "catalogue"]
