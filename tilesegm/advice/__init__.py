"""Which loss: what is known of each, and which of them suit given labels."""

from tilesegm.advice.catalogue import Entry, catalogue

__all__ = ["Entry", "catalogue"]
