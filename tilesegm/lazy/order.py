"""What every chunk needs: small enough to be sent anywhere, and opened once where it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from tilesegm.engine.regions import Region
from tilesegm.engine.run import run_regions
from tilesegm.errors import SourceError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.grid.window import Window
from tilesegm.lazy.dask_image import UnreadSource
from tilesegm.lazy.kept import Kept
from tilesegm.lazy.locked import LockedArea, LockedSource
from tilesegm.lazy.network import Network
from tilesegm.segmentation.scale import at_scale
from tilesegm.segmentation.work import Request, Seen, Work, open_work, plan_work
from tilesegm.sink.region_store import ArrayStore
from tilesegm.source.base import ImageInfo, Source

__all__ = ["Order", "Session"]

_LOOKED_AT = 1000
"""Files of an image that are looked at after each chunk; to look at more takes its time."""


class Session:
    """An image and a network that are open in this process.

    Args:
        order: what to open.
        on_event: called with what is assumed and left out.
        first: whether the weights of the network are not known yet.

    Raises:
        InputError: image, network or settings cannot be used, or do not fit each other.
    """

    def __init__(self, order: Order, on_event: OnEvent, first: bool) -> None:
        opener = order.network.open_first if first else order.network.open
        self._opened: AbstractContextManager[Work] | None = None
        if isinstance(order.image, ImageInfo):
            image = UnreadSource(order.image)
            network = opener(image.info)
            for note in at_scale(image, _no_level, network.spec, order.request.options)[1]:
                on_event(Noted(note))
            seen = Seen(image, network)
            self.work = plan_work(image.info.uri, seen, order.request, on_event)
        else:
            # Closed with this session: a generator ends when nobody has it any more.
            self._opened = open_work(order.image, opener, order.request, on_event)
            self.work = self._opened.__enter__()
        reading = self.work.job.reading
        area = LockedArea(reading.area) if reading.area else None
        self._reading = replace(reading, source=LockedSource(reading.source), area=area)

    def compute(
        self, window: Window, batch: int, source: Source | None = None
    ) -> dict[str, NDArray[Any]]:
        """Compute all results of a window as arrays, by the tiles that touch it.

        Args:
            window: of the image.
            batch: most tiles in a batch.
            source: holds the pixels, where they are not read from the image of this session.

        Returns:
            By layer ``(height, width)`` or ``(planes, height, width)``, as files hold them.
        """
        grid = self._reading.grid
        across = len(grid.cols.cover(window.col, window.stop_col))
        # Networks are compiled for each size of a batch: two of them do for windows of all sizes.
        reading = replace(self._reading, batch=batch if across > batch // 2 else 1)
        if source is not None:
            reading = replace(reading, source=source)
        store = _WindowStore((window.height, window.width), self.work.plan.decision.layers)
        job = replace(self.work.job, reading=reading)
        run_regions(job, ((Region(0, window),),), store, ignore)
        if len(self.work.inputs.states.states) <= _LOOKED_AT:
            self.work.inputs.check_unchanged()
        return store.arrays


def _no_level(level: int) -> Source:
    raise SourceError("a dask array has no levels")


class _WindowStore(ArrayStore):
    """Results of one region."""

    place = "a chunk"

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Take all pixels of a layer."""
        self.arrays[layer][...] = values


_SESSIONS: Kept[Session] = Kept()
"""Of orders that came from elsewhere. Those made here have their own: two arrays that were equal
when their orders were made need not be so for ever."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be computed of an image, without where."""

    image: Any
    """What opens it; of a dask array what is known about it."""
    attributes: Mapping[str, Any]
    """What xarray tells of the values of a dask array."""
    network: Network
    request: Request
    batch: int = 1
    key: str = ""
    """Tells orders apart."""
    expected: Mapping[str, Any] = field(default_factory=dict)
    """What the results depend on, as it was when the order was made."""

    def begin(self, on_event: OnEvent) -> Session:
        """Open image and network for the first time.

        Raises:
            InputError: they cannot be used, or do not fit each other.
        """
        return Session(self, on_event, first=True)

    def keep(self, session: Session) -> None:
        """Use a session that is open."""
        object.__setattr__(self, "_session", session)

    @property
    def session(self) -> Session:
        """The session of this process, opened where there is none.

        Raises:
            InputError: image, area or model cannot be opened, or changed since the order was made.
        """
        session: Session | None = self.__dict__.get("_session")
        if session is None:
            session = _SESSIONS.get(self.key, self._open)
            self.keep(session)
        return session

    def _open(self) -> Session:
        session = Session(self, ignore, first=False)
        found, plan = session.work.fingerprint, session.work.plan
        names = {"image": plan.info.uri, "area": str(self.request.options.area)}
        if self.network.is_path:
            names["model"] = plan.spec.name
        for part, name in names.items():
            if _placeless(found[part]) != _placeless(self.expected[part]):
                raise SourceError(
                    f"{name}: the {part} changed since segment_lazy was called; call it again"
                )
        return session

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _placeless(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out where a file lies: another machine may have it elsewhere."""
    return {name: value for name, value in identity.items() if name != "path"}
