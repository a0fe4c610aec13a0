"""Twenty steps beside PyTorch with the same weights, masks and batches, in float64.

How the conventions map:

- ``torch.nn.Linear`` keeps W transposed; here x W is written out with the same array.
- The affine layer before a batch norm has no bias on either side.
- Batch norm: PyTorch's ``momentum`` is the weight of the *new* batch, as here; ``running_var``
  takes the unbiased variance, x̂ the biased one, as here. Framework defaults are equal: ε = 1e-5
  inside the root, momentum 0.1.
- Inverted dropout is a product with a mask that holds 0 or 1/(1 − rate); PyTorch is given the
  masks that the network's own stream draws, from a second generator with the same seed.
- Dropout scaled in evaluation: there PyTorch is given the masks' 0 and 1 in training, and
  multiplies by the probability of keeping in evaluation.
- Decay on weight matrices only: two parameter groups. PyTorch adds λ w to the gradient before
  the momentum, and its velocity starts as the first gradient, both as here.
- ``cross_entropy`` averages over the batch, as here.
- The norms of incoming weights are bounded after PyTorch's update, column by column.
- PyTorch's schedulers set the rate that the next update has.
"""

import itertools
import math

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid, Tanh
from study.network.layers import Affine, BatchNorm, Dropout
from study.network.losses import SoftmaxCrossEntropy
from study.network.optimizer import SGD
from study.network.schedules import learning_rates
from study.network.streams import RngStreams
from study.network.trainer import Trainer, minibatches

TOLERANCE = 1e-10
STEPS = 20


def assert_equal_to_torch(ours, theirs, what):
    """Largest difference relative to the largest value."""
    theirs = np.asarray(theirs)
    assert np.shape(ours) == theirs.shape
    scale = np.abs(theirs).max()
    assert scale > 0, what
    error = np.abs(ours - theirs).max() / scale
    assert error < TOLERANCE, f"{what}: relative error {error:.1e}"


class TorchTwin:
    """The same network written with PyTorch's functions, layer by layer from ours."""

    def __init__(self, torch, network, streams, scaling="training"):
        self.torch = torch
        self.scaling = scaling
        self.layers = network.layers
        self.tensors = {
            (index, name): torch.tensor(array, requires_grad=True)
            for index, layer in enumerate(self.layers)
            for name, array in layer.params.items()
        }
        self.running = {
            (index, name): torch.tensor(array)
            for index, layer in enumerate(self.layers)
            for name, array in layer.state.items()
        }
        self.masks = {
            index: Dropout(
                layer.out.width, np.float64, rate=layer.rate,
                rng=streams.input_dropout if layer in network.inputs else streams.dropout,
            )
            for index, layer in enumerate(self.layers)
            if isinstance(layer, Dropout)
        }  # fmt: skip

    def forward(self, images, *, training):
        torch = self.torch
        x = torch.tensor(images)
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Affine):
                x = x @ self.tensors[index, "weight"]
                if (index, "bias") in self.tensors:
                    x = x + self.tensors[index, "bias"]
            elif isinstance(layer, BatchNorm):
                x = torch.nn.functional.batch_norm(
                    x,
                    self.running[index, "running_mean"],
                    self.running[index, "running_var"],
                    self.tensors[index, "gamma"],
                    self.tensors[index, "beta"],
                    training=training,
                    momentum=float(layer.momentum),
                    eps=float(layer.eps),
                )
            elif isinstance(layer, Dropout):
                if training:
                    mask = torch.tensor(self.masks[index].sample_mask(len(x)))
                    x = x * (mask if self.scaling == "training" else mask > 0)
                elif self.scaling == "evaluation":
                    x = x * (1 - round(layer.rate * Dropout.LEVELS) / Dropout.LEVELS)
            else:
                x = {Sigmoid: torch.sigmoid, Tanh: torch.tanh, ReLU: torch.relu}[type(layer)](x)
        return x

    def optimizer(self, *, lr, momentum, weight_decay):
        weights = [t for (_, name), t in self.tensors.items() if name == "weight"]
        others = [t for (_, name), t in self.tensors.items() if name != "weight"]
        return self.torch.optim.SGD(
            [{"params": weights, "weight_decay": weight_decay}, {"params": others}],
            lr=lr,
            momentum=momentum,
        )

    def bound(self, max_norm):
        """Project the weights into each hidden unit on the ball of that radius."""
        hidden = [t for (_, name), t in self.tensors.items() if name == "weight"][:-1]
        with self.torch.no_grad():
            for weight in hidden:
                norm = self.torch.linalg.vector_norm(weight, dim=0)
                weight *= max_norm / norm.clamp(min=max_norm)


@pytest.mark.parametrize(
    ("momentum", "weight_decay"), [(0.0, 0.0), (0.0, 0.1), (0.9, 0.0), (0.9, 0.1)]
)
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
def test_every_number_of_twenty_steps_equals_pytorch(
    torch, make_network, make_batch, activation, batchnorm, dropout, momentum, weight_decay
):
    network = make_network(
        activation=activation, batchnorm=batchnorm, dropout=dropout, seed=11, perturb=True
    )
    twin = TorchTwin(torch, network, RngStreams.from_seed(11))
    settings = {"lr": 0.1, "momentum": momentum, "weight_decay": weight_decay}
    compare_twenty_steps(network, twin, settings, make_batch(250))


@pytest.mark.parametrize(
    "options",
    [
        {"batchnorm": True, "batchnorm_eps": 1e-6},
        {"batchnorm": True, "batchnorm_eps": 0.5, "batchnorm_momentum": 1.0},
        {"batchnorm": True, "batchnorm_momentum": 0.003},
        {"dropout": 0.2, "dropout_scaling": "evaluation"},
        {"dropout": 0.7, "dropout_scaling": "evaluation", "batchnorm": True},
        {"input_dropout": 0.2},
        {"input_dropout": 0.2, "dropout": 0.5},
        {"input_dropout": 0.3, "dropout": 0.2, "dropout_scaling": "evaluation", "batchnorm": True},
    ],
    ids=lambda options: ", ".join(f"{key} {value}" for key, value in options.items()),
)
def test_batchnorm_and_dropout_with_other_constants_equal_pytorch(
    torch, make_network, make_batch, options
):
    network = make_network(**options, seed=11, perturb=True)
    scaling = options.get("dropout_scaling", "training")
    twin = TorchTwin(torch, network, RngStreams.from_seed(11), scaling)
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}
    compare_twenty_steps(network, twin, settings, make_batch(250))


@pytest.mark.parametrize("momentum", [0.0, 0.95])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_bounded_norms_equal_pytorch(torch, make_network, make_batch, batchnorm, momentum):
    """Srivastava et al.'s: input and hidden dropout, a large momentum, and a bound that bites."""
    options = {"batchnorm": batchnorm, "dropout": 0.5, "input_dropout": 0.2}
    network = make_network(**options, seed=11, perturb=True)
    twin = TorchTwin(torch, network, RngStreams.from_seed(11))
    settings = {"lr": 0.1, "momentum": momentum, "weight_decay": 0.0}
    compare_twenty_steps(network, twin, settings, make_batch(250), max_norm=1.1)
    norms = np.concatenate(
        [np.linalg.norm(affine.params["weight"], axis=0) for affine in network.affines[:-1]]
    )
    assert (norms < 1.1 - 1e-6).any()
    assert (norms > 1.1 - 1e-12).any()
    assert norms.max() < 1.1 + 1e-12


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_a_training_with_changing_rates_equals_pytorchs_schedulers(
    torch, make_network, make_batch, schedule, warmup
):
    """Milestones at 0.3 and 0.7 of the 20 (or, after 5 of warm-up, 15) updates."""
    network, samples = make_network(seed=11, perturb=True), make_batch(250)
    twin = TorchTwin(torch, network, RngStreams.from_seed(11))
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}
    rates = learning_rates(
        0.1, STEPS, schedule=schedule, warmup=warmup, milestones=[0.3, 0.7], factor=0.2
    )
    rng = np.random.default_rng(0)
    trainer = Trainer(
        network, SGD(network, **settings), samples, batch_size=100, rng=rng, rates=rates
    )
    optimizer, batches = twin.optimizer(**settings), minibatches(np.random.default_rng(0), 250, 100)
    scheduler = torch_scheduler(torch, optimizer, schedule, round(warmup * STEPS))
    for rows in itertools.islice(batches, STEPS):
        logits = twin.forward(samples.images[rows], training=True)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(samples.labels[rows]))
        assert trainer.step() == pytest.approx(float(loss.detach()), rel=1e-10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    for (index, name), tensor in twin.tensors.items():
        assert_equal_to_torch(network.layers[index].params[name], tensor.detach(), name)


def torch_scheduler(torch, optimizer, schedule, rising):
    """PyTorch's own scheduler for the updates after the first ``rising``, behind a warm-up."""
    lr_scheduler, rest = torch.optim.lr_scheduler, STEPS - rising
    later = {
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "step": lambda: lr_scheduler.MultiStepLR(
            optimizer, [math.ceil(0.3 * rest), math.ceil(0.7 * rest)], gamma=0.2
        ),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=rest),
    }[schedule]()
    if not rising:
        return later
    first = lr_scheduler.LinearLR(optimizer, start_factor=1 / rising, total_iters=rising - 1)
    return lr_scheduler.SequentialLR(optimizer, [first, later], milestones=[rising])


def compare_twenty_steps(network, twin, settings, samples, max_norm=None):
    """Logits, loss, all gradients, running statistics and weights; batches of 100, 100 and 50."""
    torch = twin.torch
    optimizer = SGD(network, **settings, max_norm=max_norm)
    torch_optimizer = twin.optimizer(**settings)
    loss = SoftmaxCrossEntropy(10, np.float64)
    batches = minibatches(np.random.default_rng(0), 250, 100)
    for step in range(STEPS):
        rows = next(batches)
        images, labels = samples.images[rows], samples.labels[rows]

        logits = network.forward(images, training=True)
        torch_logits = twin.forward(images, training=True)
        assert_equal_to_torch(logits, torch_logits.detach(), f"logits of step {step}")

        torch_loss = torch.nn.functional.cross_entropy(torch_logits, torch.tensor(labels))
        assert_equal_to_torch(
            loss.forward(logits, labels), torch_loss.detach(), f"loss of step {step}"
        )

        network.backward(loss.backward())
        torch_optimizer.zero_grad()
        torch_loss.backward()
        for (index, name), tensor in twin.tensors.items():
            what = f"gradient of layer {index} {name}, step {step}"
            assert_equal_to_torch(network.layers[index].grads[name], tensor.grad, what)

        for (index, name), running in twin.running.items():
            what = f"layer {index} {name}, step {step}"
            assert_equal_to_torch(network.layers[index].state[name], running, what)

        optimizer.step()
        torch_optimizer.step()
        if max_norm is not None:
            twin.bound(max_norm)
        for (index, name), tensor in twin.tensors.items():
            what = f"layer {index} {name} after step {step}"
            assert_equal_to_torch(network.layers[index].params[name], tensor.detach(), what)

    evaluated = twin.forward(samples.images, training=False).detach()
    assert_equal_to_torch(network.predict(samples.images), evaluated, "logits in evaluation mode")


def test_real_sizes_in_single_precision_stay_near_pytorch_in_double(
    torch, make_network, make_batch
):
    """784 features, 5×100 units, batch norm: float32 rounding is all that separates the two."""
    options = {"hidden": (100,) * 5, "features": 784, "batchnorm": True, "seed": 3}
    network = make_network(**options, dtype=np.float32)
    twin = TorchTwin(torch, make_network(**options), None)
    batch = make_batch(100, features=784)
    logits = network.forward(batch.images.astype(np.float32), training=True)
    exact = twin.forward(batch.images, training=True)
    loss = SoftmaxCrossEntropy(10, np.float32)
    loss.forward(logits, batch.labels)
    network.backward(loss.backward())
    torch.nn.functional.cross_entropy(exact, torch.tensor(batch.labels)).backward()
    for (index, name), tensor in twin.tensors.items():
        ours, theirs = network.layers[index].grads[name], tensor.grad.numpy()
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()
