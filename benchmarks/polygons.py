"""Time and memory of polygonising a class map, out of core and as a whole with rasterio.

Each way runs in a process of its own, which reads the map and makes the polygons; nothing is
written. A map larger than the file is made by repeating it.

Run: python benchmarks/polygons.py cog_cmap.tif --repeat 2
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import rasterio.features
import shapely
from rasterio.windows import Window
from shapely.geometry import shape


def out_of_core(path: str) -> int:
    from tilesegm.products.class_map import ClassMap
    from tilesegm.products.objects import find_objects
    from tilesegm.products.polygons import trace_objects

    with tempfile.TemporaryDirectory() as folder, ClassMap(path) as class_map:
        objects = find_objects(class_map)
        outlines = trace_objects(class_map, objects, Path(folder, "vertices"))
        return sum(len(shapely.to_wkb(shapes)) for _, shapes in outlines.batches())


def whole(path: str) -> int:
    with rasterio.open(path) as file:
        ids, nodata = file.read(1), file.nodata
    mask = None if nodata is None else ids != nodata
    found = rasterio.features.shapes(ids, mask=mask, connectivity=4)
    return len(shapely.to_wkb([shape(outline) for outline, _ in found]))


WAYS = {"out of core": out_of_core, "rasterio.features.shapes": whole}


def measure(name: str, path: str, results: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    import tilesegm.products.polygonize  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    count = WAYS[name](path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((count, seconds, before / 1024, peak / 1024))


def repeated(path: str, times: int, folder: str) -> str:
    """Write a map that is ``times`` as high, its rows again and again."""
    large = str(Path(folder, "large.tif"))
    with rasterio.open(path) as file:
        profile = {**file.profile, "height": file.height * times, "bigtiff": "if_safer"}
        with rasterio.open(large, "w", **profile) as target:
            for turn in range(times):
                for top in range(0, file.height, 512):
                    rows = min(512, file.height - top)
                    ids = file.read(1, window=Window(0, top, file.width, rows))
                    place = Window(0, turn * file.height + top, file.width, rows)
                    target.write(np.ascontiguousarray(ids), 1, window=place)
    return large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", help="class map, one band")
    parser.add_argument("--repeat", type=int, default=1, help="times the map is repeated")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = options.map
        if options.repeat > 1:
            path = repeated(path, options.repeat, folder)
        for name in WAYS:
            results = context.Queue()
            process = context.Process(target=measure, args=(name, path, results))
            process.start()
            count, seconds, before, peak = results.get()
            process.join()
            print(
                f"{name}: {count:,} polygons, {seconds:.1f} s, {peak:.0f} MB at most, "
                f"{peak - before:.0f} MB more than before"
            )


if __name__ == "__main__":
    main()
