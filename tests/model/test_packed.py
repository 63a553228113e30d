"""Models on their way to other processes."""

import shutil
import threading
from pathlib import Path

import pytest

from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.packed import pack, unpack


def test_functions_of_a_script_travel() -> None:
    shift = 3
    assert unpack(pack(lambda pixels: pixels + shift))(4) == 7
    assert [one(1) for one in unpack(pack([abs, lambda pixels: -pixels]))] == [1, -1]


def test_what_cannot_be_sent_is_told_with_what_to_do() -> None:
    lock = threading.Lock()
    with pytest.raises(SettingsError, match=r"cannot be sent to workers \(TypeError: .*pass its"):
        pack(lambda pixels: lock and pixels)


def test_a_module_that_a_worker_lacks_is_told() -> None:
    with pytest.raises(ModelError, match=r"ModuleNotFoundError: .*no_such_module.*install there"):
        unpack(b"cno_such_module\nnetwork\n.")


def test_files_travel_as_what_is_in_them(tmp_path: Path) -> None:
    for member, text in (("a", "one"), ("b", "two")):
        (tmp_path / member / "model" / "sub").mkdir(parents=True)
        (tmp_path / member / "model" / "sub" / "weights").write_text(text)
    single = tmp_path / "net.keras"
    single.write_bytes(b"net")
    data = pack([tmp_path / "a" / "model", str(tmp_path / "b" / "model"), single])
    shutil.rmtree(tmp_path / "a")
    first, second, third = (Path(one) for one in unpack(data))
    assert (first / "sub" / "weights").read_text() == "one"
    assert (second / "sub" / "weights").read_text() == "two"
    assert (third.name, third.read_bytes()) == ("net.keras", b"net")
    with pytest.raises(SettingsError, match=r"model .*a/model cannot be sent"):
        pack(tmp_path / "a" / "model")
