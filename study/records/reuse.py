"""Whether a stored run still stands: what a rerun skips, and why it runs the rest again."""

import logging

from study import data
from study.network.probes import PROBES
from study.records.config import RunConfig
from study.records.provenance import code_fingerprint, libraries
from study.records.record import NEWER, RecordError, RunRecord, RunSummary
from study.records.store import RunStore

log = logging.getLogger(__name__)

NEW = "new"
FAILED = "failed before"

# Another of these rounds differently. Another kernel of the same BLAS does so too, but a store
# that was made on several machines is not to be run again on each of them.
LIBRARIES = ("numpy", "blas_version")


def inspect(
    store: RunStore, config: RunConfig, address: str | None = None
) -> tuple[str | None, RunRecord | None]:
    """Why ``config`` has to be run (again), None if its record stands; and the record.

    Args:
        address: of ``config``, where it is known already.

    Raises:
        ConfigError, DataError: the data set cannot be found.
        RecordError: the record is a newer version's, which this one must not replace.
    """
    try:
        record = store.read(address or config.address)
    except RecordError as error:
        if error.reason == NEWER:
            raise
        log.warning("%s", error)
        return error.reason, None
    if record is None:
        return NEW, None
    return stale(record, config), record


def keep_measurements(config: RunConfig, record: RunSummary) -> None:
    """Let ``config`` ask for what ``record`` has measured too, so that replacing it loses nothing.

    Otherwise two studies with a run in common could take it from each other in turn.
    """
    measured = record.config.get("measure")
    if isinstance(measured, list):
        config.measure = sorted({*config.measure, *(n for n in measured if n in PROBES)})


def stale(record: RunSummary, config: RunConfig) -> str | None:
    """Why the stored ``record`` of ``config`` does not stand; None if it does.

    Raises:
        ConfigError, DataError: the data set cannot be found.
    """
    if record.status == "failed":
        return FAILED
    origin = record.provenance
    targets = tuple(sorted(str(choice["_target_"]) for choice in config.choices.values()))
    if origin.get("code") != code_fingerprint(targets):
        return "code changed"
    used, here = origin.get("libraries") or {}, libraries()
    if any(used.get(key) != here[key] for key in LIBRARIES):
        return "library changed"
    stored = (origin.get("data") or {}).get("checksum")
    if stored != data.checksum(config.data.name, root=config.data.root, seed=config.seed):
        return "data changed"
    if not set(config.measure) <= set(record.config["measure"]):
        return "measurement missing"
    return None
