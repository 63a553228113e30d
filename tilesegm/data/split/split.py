"""Which pixels are learnt from and which are held out, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tilesegm.data.split.pieces import TEST, VALIDATION, Piece, SplitScene
from tilesegm.data.split.view import SceneView
from tilesegm.errors import SettingsError

__all__ = ["Split"]


@dataclass(frozen=True, kw_only=True)
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
    scenes: tuple[SplitScene, ...]
    pieces: tuple[Piece, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    """What one should know before trusting scores, such as classes that a fold lacks."""

    def view(self, scene: str, fold: int) -> SceneView:
        """Tell what the pixels of ``scene`` are for while ``fold`` is held out.

        Raises:
            SettingsError: there is no such scene or fold.
        """
        if not 0 <= fold < self.folds:
            raise SettingsError(f"fold is {fold}; this split has folds 0 to {self.folds - 1}")
        pieces = self.pieces_of(scene)
        size, _ = self._by_name[scene]
        return SceneView(
            name=scene,
            height=size.height,
            width=size.width,
            held_out=tuple(p.window for p in pieces if p.fold in (fold, VALIDATION)),
            test=tuple(p.window for p in pieces if p.fold == TEST),
            buffer=self.buffer,
        )

    def pieces_of(self, scene: str) -> tuple[Piece, ...]:
        """Give the pieces of a scene.

        Raises:
            SettingsError: there is no such scene.
        """
        if scene not in self._by_name:
            raise SettingsError(
                f"scene {scene!r} is not in the split, which knows "
                f"{', '.join(entry.name for entry in self.scenes[:5])}"
                f"{' ...' if len(self.scenes) > 5 else ''}"
            )
        return tuple(self._by_name[scene][1])

    def views(self, fold: int) -> tuple[SceneView, ...]:
        """Tell what the pixels of each scene are for while ``fold`` is held out."""
        return tuple(self.view(scene.name, fold) for scene in self.scenes)

    @cached_property
    def _by_name(self) -> dict[str, tuple[SplitScene, list[Piece]]]:
        by_name: dict[str, tuple[SplitScene, list[Piece]]] = {s.name: (s, []) for s in self.scenes}
        for piece in self.pieces:
            by_name[piece.scene][1].append(piece)
        return by_name
