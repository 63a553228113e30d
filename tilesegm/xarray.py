"""Gives arrays and datasets of xarray the method ``tilesegm.segment(model)``.

Import this module once, as ``import tilesegm.xarray``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.lazy.segment import LayerName, segment_lazy
from tilesegm.segmentation.options import Options

try:
    from xarray import register_dataarray_accessor, register_dataset_accessor
except ImportError as error:
    raise SettingsError(
        f'arrays of xarray need the package {error.name}: pip install "tilesegm[xarray]"'
    ) from error

__all__ = ["Segmenter"]


@register_dataset_accessor("tilesegm")
@register_dataarray_accessor("tilesegm")
class Segmenter:
    """Segments an array with ``y`` and ``x``, or a Dataset that has one such variable."""

    def __init__(self, image: Any) -> None:
        self._image = image

    def segment(
        self,
        model: Any,
        *,
        tiling: Tiling | None = None,
        options: Options | None = None,
        layer: LayerName | Sequence[LayerName] = "classes",
        chunk: int | tuple[int, int] | None = None,
        on_event: OnEvent = ignore,
    ) -> Any:
        """Segment the image lazily; see `segment_lazy`, whose arguments these are.

        Returns:
            DataArray of one layer, or Dataset of several, with the image's coordinates.
        """
        return segment_lazy(
            self._image,
            model,
            tiling=tiling,
            options=options,
            layer=layer,
            chunk=chunk,
            on_event=on_event,
        )
