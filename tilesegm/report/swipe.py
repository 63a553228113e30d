"""Two pictures of one place, one over the other, with a line between them that the reader moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.pictures.png import encode_jpeg, encode_png
from tilesegm.report.pictures import data_address
from tilesegm.report.text import escaped

__all__ = ["SWIPE_SCRIPT", "swipe"]

# The slider covers the pictures and is not seen: dragging, touching and arrow keys move it.
SWIPE_SCRIPT = """
for (const both of document.querySelectorAll('.swipe')) {
  const [slider, over, line] = ['input', '.over', '.line'].map(one => both.querySelector(one));
  const move = () => {
    over.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
    line.style.left = `calc(${slider.value}% - 1px)`;
  };
  slider.addEventListener('input', move);
  move();
}
"""
"""Moves the lines of all such pictures of a page; without it they stay in the middle."""


def swipe(photo: NDArray[np.uint8], drawing: NDArray[np.uint8], *, names: tuple[str, str]) -> str:
    """Return an element that shows a photo to the left of a line, and a drawing to the right.

    Args:
        photo: ``(H, W, 3)``, shown as JPEG.
        drawing: ``(H, W, 3)`` of few colours, shown as PNG.
        names: of both, for readers who cannot see them.
    """
    height, width = photo.shape[:2]
    left, right = escaped(names[0]), escaped(names[1])
    return (
        f'<div class="swipe" style="width:{width}px;aspect-ratio:{width}/{height}">'
        f'<img src="{data_address(encode_jpeg(photo), "jpeg")}" alt="{left}">'
        f'<img class="over" src="{data_address(encode_png(drawing), "png")}" alt="{right}">'
        '<div class="line"></div>'
        '<input type="range" min="0" max="100" step="0.1" value="50" '
        f'aria-label="Line between {left} and {right}"/></div>'
    )
