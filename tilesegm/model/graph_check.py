"""What the graph of a SavedModel may do, told from its file before TensorFlow loads it.

A graph is a program. Most of its operations compute, and some read and write files, open
connections or call Python. A network needs none of those except to restore its own variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tilesegm.errors import ModelError
from tilesegm.inputs import check_tree
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = ["check_graph"]

_BEYOND = re.compile(
    # Families, so that a version of TensorFlow with one more kind of reader changes nothing.
    r"File|Dataset|Reader(?!$)|LMDB|Sql|Record|Checkpoint|PyFunc|Rpc|RemoteCall|Socket"
    r"|Summary(File|Db)?Writer|^Write|ImportEvent|Dump|DebugIdentity|DebugN|SessionTensor"
    r"|SessionHandle|Save|Restore|LoadAndRemap|GenerateVocabRemapping|DistributedTPU"
    r"|CacheDir|StoreMinibatchStatistics|CalibrationStatistics"
)
"""Operations that reach beyond the graph: files, addresses, Python."""
_RESTORING = {"RestoreV2"}
_SAVING = {"SaveV2", "MergeV2Checkpoints", "ShardedFilename"}
"""What the saver of every SavedModel consists of."""


def check_graph(folder: Path) -> None:
    """Refuse a SavedModel whose graph reaches beyond itself.

    Raises:
        ModelError: it does and is not trusted, or its file cannot be read.
    """
    check_tree(folder, ModelError)
    if trusted():
        return
    if (folder / "saved_model.cpb").exists():
        # TensorFlow would take it in place of saved_model.pb.
        raise ModelError(f"{folder} is cut into chunks, which are not looked into; {HOW_TO_TRUST}")
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((folder / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise ModelError(f"{folder} cannot be loaded as a SavedModel: {error}") from error
    found = sorted({op for graph in model.meta_graphs for op in _beyond(graph)})
    if found:
        raise ModelError(
            f"{folder} has operations that reach files, addresses or Python, which a network does "
            f"not need: {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}; {HOW_TO_TRUST}"
        )


def _beyond(graph: Any) -> Iterator[str]:
    """Yield the operations of a graph that reach beyond it, but for those of its saver."""
    functions = {each.signature.name: each.node_def for each in graph.graph_def.library.function}
    nodes = {node.name: node for node in graph.graph_def.node}
    saver = graph.saver_def
    restore = _upstream(nodes, saver.restore_op_name)
    save = _upstream(nodes, saver.save_tensor_name) - restore
    allowed = {}
    for names, ops in ((restore, _RESTORING), (save, _SAVING)):
        # What anything else calls as well is no part of the saver.
        others = [node for name, node in nodes.items() if name not in names]
        roots = _called(others, functions) | {*graph.object_graph_def.concrete_functions}
        own = _reached(_called((nodes[name] for name in names), functions), functions)
        for name in own - _reached(roots, functions):
            allowed[name] = ops
        allowed |= {f"node {name}": ops for name in names}
    for name, node in nodes.items():
        if _is_beyond(node) and node.op not in allowed.get(f"node {name}", ()):
            yield node.op
    for name, body in functions.items():
        yield from (n.op for n in body if _is_beyond(n) and n.op not in allowed.get(name, ()))


def _is_beyond(node: Any) -> bool:
    if node.op in ("Print", "PrintV2"):
        return node.attr["output_stream"].s not in (b"", b"stderr", b"stdout", b"log(info)")
    return bool(_BEYOND.search(node.op) or node.op == "ShardedFilename")


def _upstream(nodes: dict[str, Any], end: str) -> set[str]:
    """Return the names of the nodes that a node, or a tensor, is computed from."""

    def sources(name: str) -> Iterable[str]:
        return (_node_of(given) for given in nodes[name].input)

    return _closure({_node_of(end)} & nodes.keys(), lambda name: nodes.keys() & {*sources(name)})


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _called(nodes: Iterable[Any], functions: dict[str, Any]) -> set[str]:
    """Return the names of the functions that nodes call or hand on."""
    names = set()
    for node in nodes:
        names.add(node.op)
        for value in node.attr.values():
            names |= {value.func.name, *(each.name for each in value.list.func)}
    return names & functions.keys()


def _reached(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """Return functions, and all that they call in turn."""
    start = {*names} & functions.keys()
    return _closure(start, lambda name: _called(functions[name], functions))


def _closure(start: set[str], further: Callable[[str], Iterable[str]]) -> set[str]:
    seen, waiting = set(start), list(start)
    while waiting:
        new = {*further(waiting.pop())} - seen
        seen |= new
        waiting += new
    return seen
