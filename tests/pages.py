"""Pages of the documentation: their blocks of code, and what is wrong with them."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.commands import COMMANDS, command_of, long_options, parse

__all__ = ["ROOT", "Block", "Page", "shell_commands", "wrong_command"]

ROOT = Path(__file__).resolve().parents[1]

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*\b")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SCRIPT = re.compile(r"\b(?:benchmarks|examples)(?:/\w+\.py|[./]loss_study\b)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_SHELL = {"&&", "||", "|", ";", "&"}


@dataclass(frozen=True)
class Block:
    """A block of code."""

    language: str
    code: str
    line: int
    """Number of the line that opens it."""
    reason: str | None
    """Why it is not run, by the comment before it."""


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    path: Path

    @cached_property
    def text(self) -> str:
        """All of the page."""
        return self.path.read_text("utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Blocks of code from top to bottom."""
        return [
            Block(match["language"], match["code"], line, match["reason"])
            for match in _BLOCK.finditer(self.text)
            for line in [self.text.count("\n", 0, match.start("language")) + 1]
        ]

    @cached_property
    def paragraphs(self) -> list[str]:
        """Running text and rows of tables, without blocks of code."""
        return re.split(r"\n\s*\n|\n(?=\||[-*] )", _BLOCK.sub("\n\n", self.text))

    def python(self) -> list[Block]:
        """Blocks of Python."""
        return [block for block in self.blocks if block.language == "python"]

    def wrong_commands(self) -> Iterator[str]:
        """Commands that the program would refuse."""
        for block in self.blocks:
            if block.language in ("", "bash", "sh"):
                for command in shell_commands(block.code):
                    yield from self._problem(block.line, " ".join(command), wrong_command(command))
        for paragraph in self.paragraphs:
            for span in _SPAN.findall(paragraph):
                words = span.split()
                if words[:1] == ["tilesegm"] and not _is_name(words[1:]):
                    yield from self._problem(None, span, wrong_command(shlex.split(span)))

    def wrong_options(self) -> Iterator[str]:
        """Options in running text that no command has, or not the command of the paragraph."""
        for paragraph in self.paragraphs:
            allowed = _options_of(paragraph)
            for option in set(_OPTION.findall(paragraph)) - allowed:
                yield f"{self.path}: {option} is no option of a command in: {paragraph.strip()}"

    def wrong_names(self) -> Iterator[str]:
        """Python that does not compile, and names that modules do not have."""
        for block in self.python():
            try:
                tree = ast.parse(block.code)
            except SyntaxError as error:
                yield f"{self.path}:{block.line}: {error}"
            else:
                for problem in _wrong_names(tree):
                    yield f"{self.path}:{block.line}: {problem}"

    def broken_links(self) -> Iterator[str]:
        """Files and headings that are not there."""
        for target in _LINK.findall(_BLOCK.sub("", self.text)):
            name, _, anchor = target.partition("#")
            if "://" in target:
                continue
            file = (self.path.parent / name).resolve() if name else self.path
            if not file.exists():
                yield f"{self.path}: {target} leads to no file"
            elif anchor and anchor not in _anchors(file):
                yield f"{self.path}: {target} leads to no heading"

    def _problem(self, line: int | None, what: str, reason: str | None) -> Iterator[str]:
        if reason is not None:
            yield f"{self.path}{'' if line is None else f':{line}'}: {what}: {reason}"


def wrong_command(words: list[str]) -> str | None:
    """Return why a command line fails, as a list of words, or None."""
    words = [word for word in words if not _ASSIGNMENT.match(word)]
    if words[:1] == ["tilesegm"]:
        try:
            parse([word.strip("[]") for word in words[1:]])
        except Exception as error:
            return str(error) or type(error).__name__
    script = _SCRIPT.search(" ".join(words[:3])) if words[:1] == ["python"] else None
    if script:
        unknown = {word for word in words if _OPTION.fullmatch(word)} - _script_options(script[0])
        return f"the script does not take {', '.join(unknown)}" if unknown else None
    return None


def shell_commands(code: str) -> Iterator[list[str]]:
    """Command lines of a shell block as words, split at pipes and without redirections."""
    for line in re.sub(r"\\\n", " ", code).splitlines():
        if not re.search(r"\btilesegm |\bpython ", line):
            continue
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="&|;>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word == ">":
                next(lexer)
            elif word in _SHELL:
                yield words
                words = []
            else:
                words.append(word)
        yield words


def _is_name(words: list[str]) -> bool:
    """Whether words are the name of a command or of a group of commands, or nothing."""
    name = " ".join(words)
    return any(f"{command} ".startswith(f"{name} ".lstrip()) for command in COMMANDS)


def _options_of(paragraph: str) -> frozenset[str]:
    """Options of the commands and scripts that a paragraph names; of all commands if of none."""
    spans = [" ".join(span.split()).removeprefix("tilesegm ") for span in _SPAN.findall(paragraph)]
    commands = {command_of(" ".join(span.split()[:2])) for span in spans if span} - {""}
    scripts = _SCRIPT.findall(paragraph)
    if not commands and not scripts:
        commands = {"", *COMMANDS}
    return frozenset().union(*map(long_options, commands), *map(_script_options, scripts))


def _script_options(name: str) -> frozenset[str]:
    script = ROOT / (name if name.endswith(".py") else name.replace(".", "/") + "/__main__.py")
    return frozenset(re.findall(r'add_argument\("(--[a-z-]+)"', script.read_text()))


def _wrong_names(tree: ast.AST) -> Iterator[str]:
    modules: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            package = node.module if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                try:
                    found: object = importlib.import_module(package or alias.name)
                    if package:
                        if not hasattr(found, alias.name):
                            with suppress(ImportError):  # a module of a package, as Python takes it
                                importlib.import_module(f"{package}.{alias.name}")
                        found = getattr(found, alias.name)
                    elif not alias.asname:
                        found = importlib.import_module(alias.name.partition(".")[0])
                except (ImportError, AttributeError) as error:
                    yield str(error)
                else:
                    modules[alias.asname or alias.name.partition(".")[0]] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module is not None and not hasattr(module, node.attr):
                yield f"{node.value.id}.{node.attr} does not exist"


def _anchors(file: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", file.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in headings}
