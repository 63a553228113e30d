"""What users see of the package."""

from __future__ import annotations

import tilesegm


def test_completion_shows_the_public_names_and_no_others() -> None:
    # Modules that some import has made attributes of the package are not for users.
    assert dir(tilesegm) == sorted(tilesegm.__all__)
    assert all(hasattr(tilesegm, name) for name in tilesegm.__all__)
