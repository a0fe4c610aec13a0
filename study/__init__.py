"""An ablation study of deep learning's textbook advice."""

__version__ = "0.1.0"
