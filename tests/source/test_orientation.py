"""Photos are upright, as Pillow's exif_transpose makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source
from tilesegm.source.orientation import Orientation

from .conftest import pixels

TAGS = range(1, 9)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_all_orientations_match_pillow(tag: int, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{suffix}"
    exif = Image.Exif()
    exif[274] = tag
    # Without chroma subsampling, which decoders smooth each in their own way.
    extra = {"subsampling": 0, "quality": 95} if suffix == "jpg" else {}
    Image.fromarray(pixels(37, 22, 3)).save(path, exif=exif, **extra)
    with Image.open(path) as photo:
        truth = np.asarray(ImageOps.exif_transpose(photo))
    with open_source(path) as source:
        assert (source.info.height, source.info.width) == truth.shape[:2]
        np.testing.assert_array_equal(source.read(source.info.window).values, truth)
        part = Window(3, 5, 11, 9)
        np.testing.assert_array_equal(source.read(part).values, truth[part.slices])


@given(st.sampled_from(TAGS), st.integers(1, 9), st.integers(1, 9), st.data())
def test_window_maps_to_where_its_pixels_are_stored(
    tag: int, height: int, width: int, data: st.DataObject
) -> None:
    turn = Orientation(tag)
    stored = np.arange(height * width).reshape(height, width)
    upright = turn.upright(stored)
    assert upright.shape == turn.size(stored.shape)
    assert turn.size(upright.shape) == stored.shape
    row = data.draw(st.integers(0, upright.shape[0] - 1))
    col = data.draw(st.integers(0, upright.shape[1] - 1))
    window = Window(
        row,
        col,
        data.draw(st.integers(1, upright.shape[0] - row)),
        data.draw(st.integers(1, upright.shape[1] - col)),
    )
    cut = stored[turn.stored(window, upright.shape).slices]
    np.testing.assert_array_equal(turn.upright(cut), upright[window.slices])


def test_mask_turns_with_the_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    image = pixels(6, 4, 4)
    image[..., 3] = 255
    image[0, 1, 3] = 0
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(image).save(path, exif=exif)
    with open_source(path) as source:
        valid = source.read(source.info.window).valid
    assert valid is not None
    # Turned clockwise: stored row 0, column 1 becomes row 1, last column.
    assert np.argwhere(~valid).tolist() == [[1, 5]]


def test_georeferenced_image_is_never_turned(tmp_path: Path) -> None:
    path = tmp_path / "placed.tif"
    image = pixels(8, 5, 1)[..., 0]
    scale, tie = (33550, "d", 3, (2.0, 2.0, 0.0)), (33922, "d", 6, (0.0, 0, 0, 10.0, 20.0, 0))
    for extra, turned in (((), True), ((scale, tie), False)):
        tifffile.imwrite(path, image, extratags=[(274, "H", 1, 3), *extra])
        with open_source(path) as source:
            assert (source.info.georeference.transform is None) is turned
            read = source.read(source.info.window).values[..., 0]
        np.testing.assert_array_equal(read, image[::-1, ::-1] if turned else image)


def test_damaged_tag_is_no_reason_to_refuse_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    image = pixels(8, 5, 3)
    Image.fromarray(image).save(path, exif=b"Exif\0\0nonsense")
    with open_source(path) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values, image)


@pytest.mark.parametrize("tag", TAGS)
def test_photo_is_decoded_once(tag: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    image = pixels(600, 300, 3)
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(image).save(path, exif=exif)
    decoded: list[Window] = []
    with open_source(path) as source:
        info = source.info
        assert info.block == (1, info.width)
        decode = type(source)._decode
        monkeypatch.setattr(
            type(source), "_decode", lambda self, at: (decoded.append(at), decode(self, at))[1]
        )
        for row in range(0, info.height, 64):
            source.read(Window(row, 0, min(64, info.height - row), info.width))
    # Stored rows from top to bottom, each once.
    assert [at.row for at in decoded] == sorted(at.row for at in decoded)
    assert sum(at.pixels for at in decoded) == image.shape[0] * image.shape[1]


def test_damaged_photo_on_its_side_leaves_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels(300, 200, 3)).save(path, exif=exif)
    path.write_bytes(path.read_bytes()[:-2000])
    with open_source(path) as source:
        for _ in range(2):
            with pytest.raises(SourceError, match="cut short, damaged"):
                source.read(Window(0, 0, 10, 10))


def test_full_temporary_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[274] = 3
    Image.fromarray(pixels(30, 20, 3)).save(path, exif=exif)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tilesegm.source.spool.TemporaryFile", full)
    with (
        open_source(path) as source,
        pytest.raises(SourceError, match=r"photo\.png: .*No space left.*; free space there"),
    ):
        source.read(Window(0, 0, 10, 10))
