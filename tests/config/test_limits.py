import ast
from collections import Counter
from pathlib import Path

from tui.config import limits


def test_no_bound_is_overwritten_by_another_of_the_same_name() -> None:
    body = ast.parse(Path(limits.__file__).read_text()).body
    assigned = [node.targets[0] for node in body if isinstance(node, ast.Assign)]
    names = Counter(target.id for target in assigned if isinstance(target, ast.Name))
    assert [name for name, count in names.items() if count > 1] == []
