"""The command line: one thin file per command, errors in one line."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tilesegm.cli.areas import areas
from tilesegm.cli.audit import audit
from tilesegm.cli.bench import bench_app
from tilesegm.cli.clean import clean
from tilesegm.cli.compare import compare
from tilesegm.cli.demo import demo
from tilesegm.cli.evaluate import evaluate
from tilesegm.cli.info import info
from tilesegm.cli.losses import losses_app
from tilesegm.cli.plan import plan
from tilesegm.cli.polygonize import polygonize
from tilesegm.cli.predict import predict
from tilesegm.cli.quicklook import quicklook
from tilesegm.cli.quiet import print_anywhere, silence_gdal, tolerate_warnings
from tilesegm.cli.report import report
from tilesegm.cli.style import style
from tilesegm.cli.terminal import say
from tilesegm.cli.train import train_app
from tilesegm.cli.verify import verify
from tilesegm.cli.without_effect import TellingCommand
from tilesegm.errors import ModelError, SettingsError, TilesegmError
from tilesegm.model.keras_file import import_keras
from tilesegm.shown import is_text, without_secrets
from tilesegm.tensorflow_log import silence_tensorflow
from tilesegm.version import __version__

__all__ = ["app", "main"]

EPILOG = (
    "Exit codes: 0 done; 1 some images of a batch failed; 2 bad input or settings; 3 the output "
    "cannot be written; 4 not enough memory allowed; 5 unfinished work differs or is in use; "
    "6 scheduler or workers lost; 130 interrupted."
)


_ORDER = ["demo", "info", "train", "plan", "predict", "quicklook", "report", "style"]
_ORDER += ["clean", "polygonize", "areas", "verify", "audit", "evaluate", "compare"]
_ORDER += ["losses", "bench"]


class _InterruptionError(Exception):
    """Ctrl-C under a name that Typer does not know, since it would exit without a message."""


class _Commands(TyperGroup):
    """Lists commands in the order in which users meet them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return _ORDER

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _InterruptionError from None


_UsageError: Any = typer.BadParameter.__mro__[1]
"""What Typer raises for words that no command takes; its own name differs between versions."""

TRACEBACK = "TILESEGM_TRACEBACK"
"""Environment variable: when it is set, an error that nobody foresaw shows where it came from."""

_MOST = 300
"""Most characters of an error that nobody foresaw."""

_INTERRUPTED = "interrupted; the same command goes on where it stopped"

app = typer.Typer(
    name="tilesegm",
    cls=_Commands,
    help="Semantic segmentation of images that do not fit in memory.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    compare,
    predict,
    quicklook,
    report,
    style,
    verify,
    evaluate,
    plan,
    audit,
    info,
    demo,
):
    app.command(cls=TellingCommand, epilog=EPILOG if command is predict else None)(command)
for command in (clean, polygonize, areas):
    app.command()(command)
app.add_typer(bench_app, name="bench")
app.add_typer(losses_app, name="losses")
app.add_typer(train_app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tilesegm {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    print_anywhere()
    silence_gdal()
    silence_tensorflow()
    tolerate_warnings()
    interrupted: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        # Another one ends the process at once, also within a library that does not listen.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        check_words(sys.argv[1:])
        code = app(prog_name="tilesegm", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, _InterruptionError):
        code = fail(_INTERRUPTED, 130)
    except Exception as error:
        # Interrupted imports say that they failed, not why.
        code = fail(_INTERRUPTED, 130) if interrupted else _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Say in one line what went wrong, and return the exit code."""
    if isinstance(error, _UsageError):
        if type(error).__name__ == "NoArgsIsHelpError":
            return 2  # the help was printed
        path = error.ctx.command_path if error.ctx else "tilesegm"
        return fail(f"{error.format_message().rstrip('.')}; see: {path} --help", 2)
    if isinstance(error, TilesegmError):
        return fail(str(error), error.exit_code)
    if isinstance(error, ImportError | ValueError) and "keras" not in sys.modules:
        lacking = _why_no_keras()
        if lacking is not None:
            return fail(str(lacking), lacking.exit_code)
    if isinstance(error, MemoryError):
        return fail("out of memory; use smaller tiles or windows, or ask for fewer results", 4)
    if isinstance(error, OSError):
        return fail(str(error), 3)
    if TRACEBACK in os.environ:
        typer.echo(without_secrets("".join(traceback.format_exception(error))), err=True)
    reason = f"{type(error).__name__}: {str(error).strip()}".removesuffix(": ")
    return fail(
        f"unexpected {reason[:_MOST]}; this is a fault of tilesegm, please report it with what the "
        f"environment variable {TRACEBACK}=1 shows",
        1,
    )


def _why_no_keras() -> ModelError | None:
    """Return why Keras cannot be imported, which many modules do first of all; None if it can."""
    try:
        import_keras()
    except ModelError as error:
        return error
    return None


def check_words(words: Sequence[str]) -> None:
    """Refuse words that no file system or file format can hold, before anything is done.

    Raises:
        SettingsError: a word is no UTF-8, as names of files of other encodings are.
    """
    for word in words:
        if not is_text(word):
            raise SettingsError(f"{word!r} is no valid UTF-8; rename the file")


def fail(message: str, code: int) -> int:
    """Print one line on standard error, and return the exit code."""
    say(f"tilesegm: {' '.join(message.split())}", err=True)
    return code
