"""An ablation study of deep learning's textbook advice."""
