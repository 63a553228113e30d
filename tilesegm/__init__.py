"""Semantic segmentation of images too big to segment."""

__version__ = "0.1.0"
