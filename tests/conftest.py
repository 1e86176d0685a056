"""What holds for every test: nothing is judged by how long it takes, and nobody's home is written to."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("clearwatt", deadline=None)
settings.load_profile("clearwatt")


@pytest.fixture(autouse=True)
def _state_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Let what earlier audits found clean be of this test alone."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home
