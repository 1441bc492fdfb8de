"""What the tests by Node have in common."""

import pytest

from tests.node.packages import NodePackages, install, missing


@pytest.fixture(scope="session")
def node_packages() -> NodePackages:
    """The packages of others."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    return install()
