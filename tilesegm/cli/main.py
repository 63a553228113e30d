"""The command line: one thin file per command, errors in one line."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tilesegm.cli.audit import audit
from tilesegm.cli.bench import bench_app
from tilesegm.cli.demo import demo
from tilesegm.cli.evaluate import evaluate
from tilesegm.cli.info import info
from tilesegm.cli.losses import losses_app
from tilesegm.cli.plan import plan
from tilesegm.cli.predict import predict
from tilesegm.cli.quiet import print_anywhere, silence_gdal, silence_tensorflow
from tilesegm.cli.train import train_app
from tilesegm.cli.verify import verify
from tilesegm.cli.without_effect import TellingCommand
from tilesegm.errors import TilesegmError
from tilesegm.version import __version__

__all__ = ["app", "main"]

EPILOG = (
    "Exit codes: 0 done; 1 some images of a batch failed; 2 bad input or settings; 3 the output "
    "cannot be written; 4 not enough memory allowed; 5 unfinished work differs or is in use; "
    "130 interrupted."
)


_ORDER = ["demo", "info", "train", "plan", "predict", "verify", "audit", "evaluate"]
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
for command in (predict, verify, evaluate, plan, audit, info, demo):
    app.command(cls=TellingCommand, epilog=EPILOG if command is predict else None)(command)
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
    interrupted: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        app(prog_name="tilesegm")
    except (KeyboardInterrupt, _InterruptionError):
        sys.exit(fail(_INTERRUPTED, 130))
    except TilesegmError as error:
        # Interrupted imports say that they failed, not why.
        if interrupted:
            sys.exit(fail(_INTERRUPTED, 130))
        sys.exit(fail(str(error), error.exit_code))
    except OSError as error:
        sys.exit(fail(str(error), 3))
    except MemoryError:
        sys.exit(fail("out of memory; use smaller tiles or windows, or ask for fewer results", 4))


def fail(message: str, code: int) -> int:
    """Print one line on standard error, and return the exit code."""
    typer.echo(f"tilesegm: {' '.join(message.split())}", err=True)
    return code
