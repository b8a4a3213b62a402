"""Each requirement of the checklist that concerns the core is named by a test here."""

import re
from pathlib import Path

HERE = Path(__file__).parent
LIST = HERE.parents[1] / "requirements" / "oftp.txt"
NOT_OF_THE_CORE = {"OFTP-4", "OFTP-53"}  # listeners and TLS: the adapter


def test_every_requirement_of_the_core_is_named_by_a_test() -> None:
    listed = [line.split()[0] for line in LIST.read_text().splitlines()]
    assert listed == [f"OFTP-{n}" for n in range(1, 55)]
    named = {
        name
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for name in re.findall(r"OFTP-\d+", path.read_text())
    }
    assert named == set(listed) - NOT_OF_THE_CORE
