"""A run of the study as a PyTorch user would write it: the same network, steps and evaluations."""

import itertools
import math

import numpy as np
import torch
from torch import nn

from study.network.streams import RngStreams
from study.network.trainer import batches_per_epoch
from study.records.config import RunConfig
from study.run import batch_size, build_network, choose_samples, load_data, schedule

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def build(config: RunConfig, weights: list[np.ndarray]) -> nn.Sequential:
    """The network of ``config`` with these initial weights, biases zero."""
    layers: list[nn.Module] = []
    widths = [len(weights[0]), *config.hidden]
    for a, b in itertools.pairwise(widths):
        layers.append(nn.Linear(a, b, bias=not config.batchnorm))
        layers += [nn.BatchNorm1d(b)] if config.batchnorm else []
        layers.append(ACTIVATIONS[config.activation["name"]]())
        layers += [nn.Dropout(config.dropout)] if config.dropout else []
    model = nn.Sequential(*layers, nn.Linear(widths[-1], weights[-1].shape[1]))
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    for layer, weight in zip(linear, weights, strict=True):
        layer.weight.data.copy_(torch.from_numpy(weight.T))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return model


def train(config: RunConfig) -> float:
    """Train the float32 network of ``config``, evaluate it when the study does.

    Measurements beyond loss and accuracy are left out.

    Returns:
        Test accuracy in the end; NaN if the loss stopped being finite.
    """
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    dataset = load_data(config)
    train_set, _ = choose_samples(config, dataset)
    network, _ = build_network(config, dataset)
    model = build(config, [affine.params["weight"] for affine in network.affines])
    # copies: the data set's own arrays are read-only, which PyTorch warns of
    images, labels = torch.tensor(train_set.images), torch.tensor(train_set.labels)
    test_images, test_labels = torch.tensor(dataset.test.images), torch.tensor(dataset.test.labels)
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in model.parameters() if p.ndim == 2],
             "weight_decay": config.weight_decay},
            {"params": [p for p in model.parameters() if p.ndim == 1]},
        ],
        lr=config.lr, momentum=config.momentum, fused=True,
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()

    @torch.no_grad()
    def evaluate(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
        model.eval()
        logits = model(x)
        model.train()
        return criterion(logits, y).item(), (logits.argmax(1) == y).float().mean().item()

    rng = RngStreams.from_seed(config.seed).batches
    size = batch_size(config, len(labels))
    steps_per_epoch = batches_per_epoch(len(labels), size)
    order = torch.empty(0)
    step = 0
    for target in schedule(config, steps_per_epoch):
        while step < target:
            if step % steps_per_epoch == 0:
                order = torch.from_numpy(rng.permutation(len(labels)))
            place = step % steps_per_epoch
            stop = (place + 1) * size if place < steps_per_epoch - 1 else len(labels)
            rows = order[place * size : stop]
            optimizer.zero_grad()
            loss = criterion(model(images[rows]), labels[rows])
            if not math.isfinite(loss.item()):
                return math.nan
            loss.backward()
            optimizer.step()
            step += 1
        count = config.evaluation.train_samples
        evaluate(images[:count], labels[:count])
        count = config.evaluation.test_samples
        evaluate(test_images[:count], test_labels[:count])
    evaluate(images, labels)
    return evaluate(test_images, test_labels)[1]
