"""Peak memory of whole runs on a small and on a giant image.

    python benchmarks/memory.py [--sizes 8000 40000]

Each image is virtual: a VRT that repeats one GeoTIFF of 2000 x 2000 RGB pixels, so its pixels cost
no disk. Each run is a process of its own, from file to Cloud Optimized GeoTIFF, with the same
1 x 1 convolution. Prints the peak of resident memory of each and their ratio.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tilesegm.bench.case import make_network, write_image
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.segment import segment
from tilesegm.tensorflow_log import silence_tensorflow

PART = 2000
LIMIT = 1.5e9
SPREAD = 1.10


def write_mosaic(path: Path, part: Path, size: int) -> None:
    """Write a VRT of ``size`` x ``size`` pixels that repeats ``part``."""
    bands = []
    for band in (1, 2, 3):
        sources = "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{part.name}</SourceFilename>'
            f"<SourceBand>{band}</SourceBand>"
            f'<SrcRect xOff="0" yOff="0" xSize="{PART}" ySize="{PART}"/>'
            f'<DstRect xOff="{col}" yOff="{row}" xSize="{PART}" ySize="{PART}"/></SimpleSource>'
            for row in range(0, size, PART)
            for col in range(0, size, PART)
        )
        bands.append(f'<VRTRasterBand dataType="Byte" band="{band}">{sources}</VRTRasterBand>')
    path.write_text(
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 0.25, 0, 5000000, 0, -0.25</GeoTransform>{''.join(bands)}"
        "</VRTDataset>"
    )


def work(image: Path, output: Path) -> None:
    """Segment an image, and print what it took."""
    began = time.perf_counter()
    result = segment(image, make_network(0), output, tiling=Tiling(tile=512, overlap=64))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = {
        "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024),
        "planned_bytes": result.plan.memory.peak,
        "seconds": time.perf_counter() - began,
    }
    print(json.dumps(said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[8000, 40000], metavar="SIDE")
    parser.add_argument("--work", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        silence_tensorflow()
        work(*asked.work)
        return
    peaks = []
    with tempfile.TemporaryDirectory(prefix="tilesegm-memory-") as name:
        folder = Path(name)
        write_image(folder / "part.tif", PART)
        for size in asked.sizes:
            image, output = folder / f"{size}.vrt", folder / f"{size}.tif"
            write_mosaic(image, folder / "part.tif", size)
            command = [sys.executable, __file__, "--work", str(image), str(output)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            said = json.loads(done.stdout.splitlines()[-1])
            peaks.append(said["peak_bytes"])
            output.unlink()
            print(
                f"{size} x {size}: peak {said['peak_bytes'] / 1e6:.0f} MB "
                f"(planned {said['planned_bytes'] / 1e6:.0f} MB), {said['seconds']:.1f} s, "
                f"{size**2 / 1e6 / said['seconds']:.1f} MP/s",
                flush=True,
            )
    ratio = max(peaks) / min(peaks)
    kept = max(peaks) <= LIMIT and ratio <= SPREAD
    print(f"ratio {ratio:.3f}; at most {LIMIT / 1e9} GB and {SPREAD}: {'yes' if kept else 'NO'}")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
