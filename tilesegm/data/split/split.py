"""Which pixels are learnt from and which are held out, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tilesegm.data.split.piece import TEST, VALIDATION, Piece
from tilesegm.data.split.view import SceneView
from tilesegm.errors import SettingsError

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes
    from tilesegm.data.statistics import SceneStatistics

__all__ = ["Split"]


@dataclass(frozen=True)
class Split:
    """Scenes cut into pieces, and the pieces dealt to folds.

    Every pixel lies in exactly one piece. While fold ``f`` is held out, the pieces of ``f`` are
    validated on and the pieces of other folds learnt from, but for a buffer around hidden ones.
    """

    strategy: str
    """How the pieces were made."""
    folds: int
    buffer: int
    """Pixels around hidden ones that are not learnt from."""
    seed: int
    scenes: tuple[tuple[str, int, int], ...]
    """Name, height and width in pixels of each scene."""
    pieces: tuple[Piece, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    """What one should know before trusting scores, such as classes that a fold lacks."""

    def view(self, scene: str, fold: int) -> SceneView:
        """Tell what the pixels of ``scene`` are for while ``fold`` is held out.

        Raises:
            SettingsError: If there is no such scene or fold.
        """
        if not 0 <= fold < self.folds:
            raise SettingsError(f"fold is {fold}; this split has folds 0 to {self.folds - 1}")
        pieces = self.pieces_of(scene)
        height, width = self._of_scene[scene][0]
        return SceneView(
            name=scene,
            height=height,
            width=width,
            held_out=tuple(p.window for p in pieces if p.fold in (fold, VALIDATION)),
            test=tuple(p.window for p in pieces if p.fold == TEST),
            buffer=self.buffer,
        )

    def pieces_of(self, scene: str) -> tuple[Piece, ...]:
        """Give the pieces of a scene.

        Raises:
            SettingsError: If there is no such scene.
        """
        if scene not in self._of_scene:
            raise SettingsError(
                f"scene {scene!r} is not in the split, which knows "
                f"{', '.join(name for name, _, _ in self.scenes[:5])}"
                f"{' ...' if len(self.scenes) > 5 else ''}"
            )
        return tuple(self._of_scene[scene][1])

    def views(self, fold: int) -> tuple[SceneView, ...]:
        """Tell what the pixels of each scene are for while ``fold`` is held out."""
        return tuple(self.view(name, fold) for name, _, _ in self.scenes)

    def save(self, path: str | Path) -> None:
        """Write a JSON file that people can read, at once or not at all.

        Raises:
            OutputError: If the file cannot be written.
        """
        from tilesegm.data.split.file import save_split

        save_split(self, Path(path))

    @staticmethod
    def load(path: str | Path, scenes: Scenes | None = None) -> Split:
        """Read what `save` wrote, and check that it is a split of these scenes.

        Scenes come in the order of ``scenes`` then, whatever the order in the file.

        Raises:
            SettingsError: If the file is no split, or one of other scenes.
        """
        from tilesegm.data.split.file import load_split

        return load_split(Path(path), scenes)

    def draw(self, path: str | Path, statistics: Sequence[SceneStatistics], fold: int) -> None:
        """Draw what is held out, left out and learnt from into a PNG.

        Args:
            path: File to write.
            statistics: As measured, in the order of the scenes; they hold a small picture of each.
            fold: The fold that is held out.

        Raises:
            OutputError: If the file cannot be written.
        """
        from tilesegm.data.split.picture import draw_views

        draw_views(Path(path), self.views(fold), statistics)

    @cached_property
    def _of_scene(self) -> dict[str, tuple[tuple[int, int], list[Piece]]]:
        found: dict[str, tuple[tuple[int, int], list[Piece]]] = {
            name: ((height, width), []) for name, height, width in self.scenes
        }
        for piece in self.pieces:
            found[piece.scene][1].append(piece)
        return found
