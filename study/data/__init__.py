"""Data sets: found or fetched, verified, and loaded as arrays."""

from study.data.datasets import NAMES, Dataset, Split, checksum, load, prepare

__all__ = ["NAMES", "Dataset", "Split", "checksum", "load", "prepare"]
