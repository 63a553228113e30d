"""What an error of a library says, in one line."""

from __future__ import annotations

import re

__all__ = ["reason_of"]

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# TensorFlow lists the frames of traced code, each with its line of code, before the error itself.
_FRAME = re.compile(r'\s*File "[^"\n]*", line \d+, in [^\n]*\n[^\n]*\n')


def reason_of(error: BaseException, length: int = 300) -> str:
    """Return the text of an error in one line, from its first line on.

    What Keras and TensorFlow print around it is left out: traced frames, the configuration of all
    layers, and the arguments of the call.
    """
    text = _COLOUR.sub("", str(error))
    if text.lstrip().startswith("in user code"):
        text = _FRAME.split(text)[-1]
    # Keras names the layer that failed, or its whole configuration, and then what went wrong.
    text = text.rpartition("\nException encountered: ")[2]
    text = re.split(r"\n\s*Arguments received by |\s*Full object config: ", text)[0]
    return " ".join(text.split())[:length] or type(error).__name__
