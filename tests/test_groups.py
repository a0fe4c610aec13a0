"""Tests of one group share a worker, and with it what is made once for all of them."""

import pytest


@pytest.mark.xdist_group("itself")
def test_xdist_knows_which_tests_share_a_worker(request: pytest.FixtureRequest) -> None:
    """With a version of pytest that it does not fit, nothing fails, and all takes twice as long."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("these tests are not spread over workers by group")
    assert request.node.nodeid.endswith("@itself")
