"""What a run reads must not be what it writes."""

from __future__ import annotations

from pathlib import Path

from tilesegm.data.scenes import Scenes
from tilesegm.errors import OutputError
from tilesegm.ownership import check_unread
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig

__all__ = ["check_reads"]


def check_reads(run: RunFolder, config: TrainingConfig, folder: Path, scenes: Scenes) -> None:
    """Refuse a folder of a run that would write over what the run reads.

    Args:
        run: whose files are written.
        config: settings, which name weights and a split.
        folder: where their relative paths begin.
        scenes: images with labels.

    Raises:
        OutputError: weights, a split, an image or labels lie where the run writes.
    """
    encoder = config.model.encoder
    named = {
        "model.weights": config.model.weights,
        "model.encoder.weights": None if encoder is None else encoder.weights,
        "model.encoder.name": None if encoder is None else encoder.name,
        "split.file": config.split.file,
    }
    read = [(f"the input {key}", str(folder / path)) for key, path in named.items() if path]
    for info in scenes.infos:
        paths = [value for key, value in info.identity if key.endswith("path")]
        read += [(f"a file of the scene {info.name}", path) for path in paths]
    try:
        check_unread(run.written, read)
    except OutputError as error:
        raise OutputError(f"{error}: choose another output for the run (-o FOLDER)") from None
