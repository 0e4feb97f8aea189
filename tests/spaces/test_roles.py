import itertools

import pytest

from tui.spaces.roles import Role, may_demote, may_promote

HOST, COHOST, SPEAKER, LISTENER = Role.HOST, Role.COHOST, Role.SPEAKER, Role.LISTENER


def test_the_first_three_roles_speak() -> None:
    assert [role for role in sorted(Role, reverse=True) if role.speaks] == [HOST, COHOST, SPEAKER]


@pytest.mark.parametrize(("actor", "target"), list(itertools.product(Role, Role)))
def test_who_may_let_whom_on_stage(actor: Role, target: Role) -> None:
    assert may_promote(actor, target) == (actor in {HOST, COHOST} and target is not HOST)


@pytest.mark.parametrize(("actor", "target"), list(itertools.product(Role, Role)))
def test_who_may_take_whom_off_the_stage_or_lower_whose_hand(actor: Role, target: Role) -> None:
    allowed = {
        *((HOST, target) for target in (COHOST, SPEAKER, LISTENER)),
        *((COHOST, target) for target in (SPEAKER, LISTENER)),
    }
    assert may_demote(actor, target, oneself=False) == ((actor, target) in allowed)


@pytest.mark.parametrize("role", Role)
def test_who_may_step_down(role: Role) -> None:
    assert may_demote(role, role, oneself=True) == (role in {COHOST, SPEAKER})
