"""Models on their way to other processes."""

import threading

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
