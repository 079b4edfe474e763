"""Which release of 3CX a test's phone system is: any one of them, and each where the release matters.

A folder whose ``conftest`` calls ``give_a_release`` spreads its tests over the releases, always in the same way, so that all of
them together meet every release in the time of one.
"""

from zlib import crc32

import pytest

from services.sandbox.phone_system.releases import VERSIONS

RELEASES = list(VERSIONS)
# A test with this mark is run on every release.
every_release = pytest.mark.parametrize("release", RELEASES)


def give_a_release(metafunc: pytest.Metafunc) -> None:
    """Give a test that wants a release, and does not say which, the one that its name falls on."""
    is_given = any("release" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "release" in metafunc.fixturenames and not is_given:
        chosen = RELEASES[crc32(metafunc.function.__qualname__.encode()) % len(RELEASES)]
        metafunc.parametrize("release", [chosen])
