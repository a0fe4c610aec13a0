import builders_initial as make
import numpy as np
import pytest

from study.figures import style


@pytest.fixture(autouse=True)
def _house_style():
    with style.house_style():
        yield


def curve_run(init, losses, *, seed=0, activation="relu", status="completed", accuracy=0.9):
    steps = [50 * index for index in range(len(losses))]
    return make.record(
        init=init,
        activation=activation,
        seed=seed,
        status=status,
        diverged_at=1 if status == "diverged" else None,
        history={"step": steps, "train_loss": losses},
        final={"test_accuracy": accuracy} if status == "completed" else {},
    )


def rate_run(
    init, lr, accuracy, *, loss=0.5, seed=0, activation="relu", status="completed", train=None,
    valid=None,
):  # fmt: skip
    """A run with training accuracy like the test's; ``valid`` gives it validation samples."""
    final = {"test_accuracy": accuracy, "train_loss": loss}
    final["train_accuracy"] = accuracy if train is None else train
    size = 0 if valid is None else 100
    if size:
        final["valid_accuracy"] = valid
    return make.record(
        init=init, lr=lr, activation=activation, seed=seed, status=status,
        final=final if status == "completed" else {}, valid_size=size,
    )  # fmt: skip


RATES = (
    rate_run("he", 0.01, 0.6),
    rate_run("he", 0.1, 0.9, loss=0.25),
    rate_run("he", 1.0, 0.95),
    rate_run("he", 1.0, np.nan, seed=1, status="diverged"),
    rate_run("normal 0.01", 0.01, 0.1),
    rate_run("normal 0.01", 0.1, 0.1),
)


VALIDATED = (
    rate_run("he", 0.01, 0.5, valid=0.9, train=0.6),
    rate_run("he", 0.1, 0.9, valid=0.8, train=1.0),
    rate_run("he", 1.0, np.nan, valid=0.0, status="diverged"),
)


def probe_run(init, squares, seed=0, activation="relu"):
    rows = [
        {"layer": number, "hidden": True, "activation_mean_square": square}
        for number, square in enumerate(squares, start=1)
    ]
    return make.record(init=init, activation=activation, seed=seed, layers={"init": rows})


ONE = {
    "init_loss": curve_run("he", [2.0, 1.0]),
    "learning_rates": rate_run("he", 0.1, 0.9),
    "activations": probe_run("he", (1.0, 1.0)),
}
LOST = {
    "init_loss": curve_run("he", [9e4], status="diverged"),
    "learning_rates": rate_run("he", 0.1, np.nan, status="diverged"),
}
