"""Runs the command line as ``python -m tilesegm``."""

from tilesegm.cli.main import main

if __name__ == "__main__":
    main()
