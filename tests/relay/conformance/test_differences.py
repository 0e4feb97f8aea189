import re
from pathlib import Path
from typing import Any


def test_each_difference_is_asserted_by_the_test_it_names(differences: dict[str, Any]) -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tests = re.split(r"^(?:async )?def ", source, flags=re.MULTILINE)
    asserting = {test.partition("(")[0] for test in tests if re.search(r"== expected\(", test)}
    assert asserting == differences.keys()
