# SPDX-License-Identifier: Apache-2.0
"""Tests and benchmarks keep out of ROS domains in which somebody is."""

import random
import socket

import pytest
import ros_domain


@pytest.mark.parametrize('participant', [0, 53])
@pytest.mark.parametrize('address', ['0.0.0.0', '127.0.0.1'])
def test_a_domain_is_in_use_while_a_participant_listens_in_it(
    address: str, participant: int
) -> None:
    domain, held = ros_domain.claim()
    with held, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        assert not ros_domain.in_use(domain)
        heard.bind((address, 7400 + 250 * domain + 10 + 2 * participant))
        assert ros_domain.in_use(domain)
    assert not ros_domain.in_use(domain)


def test_no_domain_is_claimed_twice_or_where_somebody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    # Numbers that are nobody's, as other tests and runs claim their own meanwhile.
    one = random.SystemRandom().randrange(10**6, 10**9)
    monkeypatch.setattr(ros_domain, 'DOMAINS', range(one, one + 4))
    monkeypatch.setattr(ros_domain, 'in_use', lambda domain: domain == one)
    first, held = ros_domain.claim(avoid={one + 1})
    with held:
        second, also_held = ros_domain.claim(avoid={one + 1})
        with also_held:
            assert {first, second} == {one + 2, one + 3}
            with pytest.raises(RuntimeError, match='ROS domains are in use'):
                ros_domain.claim(avoid={one + 1})
    again, held_again = ros_domain.claim(avoid={one + 1, second})
    held_again.close()
    assert again == first
