"""Takes over from an earlier map the regions whose input is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.engine.plan import Plan
from tilesegm.engine.run import INPUT
from tilesegm.engine.unchanged import region_inputs
from tilesegm.errors import InputError, OutputError, SettingsError
from tilesegm.events import Noted, OnEvent, StageProgress, StageStarted
from tilesegm.segmentation.outputs import extra_paths
from tilesegm.segmentation.recipe import Recipe
from tilesegm.segmentation.recompute import read_layer
from tilesegm.segmentation.region_inputs import RegionInputs
from tilesegm.segmentation.work import Work
from tilesegm.sink.fingerprint import differences, plain
from tilesegm.sink.provenance import MapFacts, digest, read_map_facts
from tilesegm.sink.region_store import DurableStore
from tilesegm.sink.result_check import check_result
from tilesegm.sink.staging import Staging
from tilesegm.source.base import Source
from tilesegm.source.open import open_source

__all__ = ["EarlierMap", "find_earlier", "inputs_text"]

_OF_THE_IMAGE = ("image", "area", "background", "content")
"""Parts of a fingerprint by which an update may differ: digests tell what they change."""


@dataclass(frozen=True)
class EarlierMap:
    """A finished map at the place of the output, of the same network and settings."""

    paths: Mapping[str, Path]
    inputs: RegionInputs
    shrinks: bool
    """Whether batches shrink beside an area alone, as in a new run."""

    def keep(self, work: Work, staging: DurableStore, on_event: OnEvent) -> int:
        """Stage all regions that the map holds already, and say and return how many they are.

        The input of those that are not staged is read and summed up, and nothing is computed.
        """
        panels, layers = work.plan.panels, work.plan.decision.layers
        windows = {region.window for panel in panels for region in panel}
        if windows.isdisjoint(self.inputs.regions):
            if self.inputs.regions:
                on_event(
                    Noted(
                        f"{self.paths['classes']}: its regions lie elsewhere than those of this "
                        "run, as of an image of another width or with another limit on memory"
                    )
                )
            return 0
        on_event(StageStarted("looking for what changed"))
        with ExitStack() as opened:
            sources = self._open(opened)
            todo = sum(region.number not in staging.done for panel in panels for region in panel)
            looked = region_inputs(work.job.reading, panels, {*staging.done})
            for done, (region, now) in enumerate(looked, 1):
                on_event(StageProgress(done / todo))
                known = self.inputs.regions.get(region.window)
                if known is None or known.digest != now:
                    continue
                for layer in layers:
                    values = read_layer(sources[layer.name], layer, region.window)
                    staging.write(layer.name, region.window, values)
                facts = {"computed": 0, "skipped": 0, **known.counts, INPUT: now}
                staging.commit(region.number, facts)
        staged = RegionInputs.of(work.plan, staging.facts).regions
        earlier = self.inputs.regions
        kept = sum(earlier.get(window) == one for window, one in staged.items())
        on_event(Noted(_kept_note(kept, work.plan, self.paths["classes"])))
        return kept

    def _open(self, opened: ExitStack) -> dict[str, Source]:
        """Open the files of all layers."""
        places = {"classes": self.paths["classes"], **dict(extra_paths(dict(self.paths)))}
        return {name: opened.enter_context(open_source(path)) for name, path in places.items()}


def inputs_text(plan: Plan, staging: Staging, on_event: OnEvent) -> str:
    """Return what regions were made of as a map tells it, and say of how many it is not known."""
    inputs = RegionInputs.of(plan, staging.facts)
    unknown = len(staging.facts) - len(inputs.regions)
    if unknown:
        on_event(
            Noted(
                f"{unknown} regions were finished by a run without --update, so the next update "
                "computes them again"
            )
        )
    return inputs.text()


def find_earlier(paths: Mapping[str, Path], work: Work, on_event: OnEvent) -> EarlierMap | None:
    """Return the map at the place of the output that an update begins with.

    Returns:
        None where there is none, or where it is the result of this very work.

    Raises:
        OutputError: it is of other settings, damaged, or its layers are not all there.
        SettingsError: results lie on another grid than the one that the network sees.
    """
    if work.plan.seen is not None:
        raise SettingsError(
            "update keeps regions on the grid that the model sees, and --grid image was given; "
            "leave one of the two out"
        )
    output = paths["classes"]
    if not output.exists():
        return None
    facts = read_map_facts(output)
    if facts.fingerprint == digest(work.fingerprint):
        return None
    recipe = _check_settings(output, facts, work)
    for path in dict.fromkeys(paths.values()):
        if not path.exists():
            raise OutputError(f"{path} is gone, so {output} cannot be updated; give --overwrite")
        if read_map_facts(path).fingerprint != facts.fingerprint:
            raise OutputError(
                f"{path} and {output} are of different runs, so they cannot be updated; give "
                "--overwrite"
            )
        for damage in check_result(path).damage[:1]:
            raise OutputError(f"{damage}; make it again with --overwrite")
    try:
        inputs = RegionInputs.parse(facts.inputs)
    except InputError as error:
        raise OutputError(f"{output}: {error}; make it again with --overwrite") from error
    if facts.inputs is None:
        on_event(
            Noted(
                f"{output} does not tell what it was made of, as it was made without --update: all "
                "of it is computed again"
            )
        )
    # Only a map of an area alone had batches that earlier versions filled up.
    by_area = recipe.options.area is not None and recipe.options.skip is None
    return EarlierMap(dict(paths), inputs, recipe.shrinks or not by_area)


def _kept_note(kept: int, plan: Plan, output: Path) -> str:
    """Say how many regions of an earlier map were kept."""
    count = sum(len(panel) for panel in plan.panels)
    if not kept:
        return f"{output}: none of {count} regions is kept, as what all of them depend on changed"
    return (
        f"{output}: {kept} of {count} regions are kept, as nothing that they depend on changed; "
        f"{count - kept} are computed"
    )


def _check_settings(output: Path, facts: MapFacts, work: Work) -> Recipe:
    """Refuse a map of another network or of other settings, whose regions none can be kept of.

    Returns:
        How the map was made.

    Raises:
        OutputError: it is one.
    """
    advice = "start from scratch with --overwrite, or give another name"
    try:
        recipe = Recipe.parse(facts.run or "")
    except InputError as error:
        raise OutputError(
            f"output {output} exists and does not tell how it was made, so it cannot be updated; "
            f"{advice}"
        ) from error
    before, now = (_settings(one) for one in (recipe.fingerprint, plain(work.fingerprint)))
    changes = [*differences(before, now)]
    if recipe.tiling != work.request.tiling:
        changes.append(f"tiling: {recipe.tiling} -> {work.request.tiling}")
    if changes:
        raise OutputError(
            f"output {output} exists and an update keeps network and settings, which differ "
            f"({'; '.join(changes)}); repeat them as they were, {advice}"
        )
    return recipe


def _settings(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    # Tiles follow from the size of the image too: digests tell those that moved.
    left_out = (*_OF_THE_IMAGE, "tiling")
    return {name: part for name, part in fingerprint.items() if name not in left_out}
