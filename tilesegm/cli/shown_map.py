"""Options of the commands that show a class map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tilesegm.cli.shared import At, Bands, ClassMapFile, ClassNames, Nodata, ShownImages, Title
from tilesegm.cli.values import parse_class_names
from tilesegm.source.words import parse_at, parse_bands

if TYPE_CHECKING:
    from tilesegm.cartography.class_map import ShownMap
    from tilesegm.cartography.scene import ImageChoice

__all__ = ["ShownMapOptions"]


@dataclass(frozen=True, kw_only=True)
class ShownMapOptions:
    """How a class map is shown, and the image that it is shown with."""

    image: ShownImages = None
    title: Title = None
    classes: ClassNames = None
    nodata: Nodata = None
    bands: Bands = None
    at: At = None

    def open(self, class_map: ClassMapFile) -> ShownMap:
        """Return what is known of the map."""
        from tilesegm.cartography.class_map import ShownMap

        return ShownMap.of(class_map, parse_class_names(self.classes), self.nodata)

    @property
    def image_choice(self) -> ImageChoice | None:
        """The image that is shown, whose bands several files may hold."""
        from tilesegm.cartography.scene import ImageChoice

        if not self.image:
            return None
        options = {"bands": parse_bands(self.bands), "at": parse_at(self.at)}
        image = self.image[0] if len(self.image) == 1 else self.image
        return ImageChoice(image=image, options=options)
