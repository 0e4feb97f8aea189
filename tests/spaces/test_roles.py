import itertools

import pytest

from tui.spaces.roles import Role, may_demote, may_moderate, may_promote_cohost

HOST, COHOST, SPEAKER, LISTENER = Role.HOST, Role.COHOST, Role.SPEAKER, Role.LISTENER
PAIRS = list(itertools.product(Role, Role))
BELOW = {
    *((HOST, target) for target in (COHOST, SPEAKER, LISTENER)),
    *((COHOST, target) for target in (SPEAKER, LISTENER)),
}


def test_the_first_three_roles_speak() -> None:
    assert [role for role in sorted(Role, reverse=True) if role.speaks] == [HOST, COHOST, SPEAKER]


@pytest.mark.parametrize(("actor", "target"), PAIRS)
def test_host_and_cohosts_act_on_those_below_them_and_nobody_on_the_host(
    actor: Role, target: Role
) -> None:
    assert may_moderate(actor, target) == ((actor, target) in BELOW)
    assert may_demote(actor, target, oneself=False) == ((actor, target) in BELOW)


@pytest.mark.parametrize(("actor", "target"), PAIRS)
def test_only_the_host_makes_cohosts(actor: Role, target: Role) -> None:
    assert may_promote_cohost(actor, target) == (actor is HOST and target is not HOST)


@pytest.mark.parametrize("role", Role)
def test_who_may_step_down(role: Role) -> None:
    assert may_demote(role, role, oneself=True) == (role in {COHOST, SPEAKER})
