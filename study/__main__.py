"""``python -m study``: see ``python -m study --help`` and the README."""

import os
import sys

# Runs are the unit of parallel work: one BLAS thread each. It has to be said before NumPy is
# imported, here and, inherited, in the workers.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def main() -> None:
    """Run the command line."""
    if "--version" in sys.argv[1:]:  # Hydra would say its own
        import study

        print(f"study {study.__version__}")
        return
    from study.endings import expect_interrupt

    expect_interrupt()
    from study.edge.app import main as app  # takes a second

    app()


if __name__ == "__main__":
    main()
