"""Readers of images."""

from __future__ import annotations

import logging

__all__: list[str] = []

# Without a handler, Python prints what tifffile and rasterio log (a tag that they cannot read, a
# warning of libtiff) on the terminal of users. Whoever sets up logging gets it all the same.
for _name in ("tifffile", "rasterio"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
