"""All fuzz targets, by name; `run.py` lets atheris loose on them, `test_targets.py` hypothesis."""

from tests.fuzz import local_targets, media_targets, nostr_targets, spaces_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (nostr_targets, spaces_targets, media_targets, local_targets)
    for target in module.TARGETS
}
