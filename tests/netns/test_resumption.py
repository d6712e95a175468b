"""A ternd whose path to another was lost comes back by its ticket (RFC 5723): IKE_SESSION_RESUME and IKE_AUTH, without a
Diffie-Hellman; or by IKE_SA_INIT where the ticket is of no use any more."""

import signal

import pytest

from lab import Tunnel, assert_agreement
from lab.network import wait_for

QUICK = {'retransmit_timeout': 0.5, 'retransmit_tries': 2, 'resumption': True}


def tunnel(auth='psk'):
    return Tunnel('resumption', auth=auth, moon={'resumption': True, 'dpd_delay': '1s'}, settings=QUICK)


def lose_the_path(bench, moon):
    """Nothing crosses the router until moon has given sun up."""
    bench.lab['router'].run('nft', '-f', '-', input="""
        table inet cut {
            chain forward {
                type filter hook forward priority 0; policy drop;
            }
        }""")
    moon.wait_log(r'gave no answer to')
    bench.lab['router'].run('nft', 'flush', 'ruleset')
    wait_for(lambda: not moon.established(), 'moon has given up')


@pytest.mark.parametrize('auth', ['psk', 'ecdsa'])
def test_after_a_break_the_session_is_resumed(bench, auth):
    moon, sun = bench.start(tunnel(auth))
    moon.up()
    bench.ping_both_ways()
    lose_the_path(bench, moon)
    with bench.wire() as wire:
        moon.up()
        bench.ping_both_ways()
    assert_agreement(moon, sun)
    assert len(wire.ike('IKE_SESSION_RESUME')) == 2 and len(wire.ike('IKE_AUTH')) == 2
    assert not wire.ike('IKE_SA_INIT')
    moon.wait_log('resumed: the peer authenticated itself by')


def test_after_a_crash_of_the_responder_it_begins_anew(bench):
    moon, sun = bench.start(tunnel())
    moon.up()
    sun.end(signal.SIGKILL)
    moon.wait_log(r'gave no answer to')
    wait_for(lambda: not moon.established(), 'moon has given up')
    sun.start()
    with bench.wire() as wire:
        moon.up()
        bench.ping_both_ways()
    assert_agreement(moon, sun)
    assert len(wire.ike('IKE_SESSION_RESUME')) == 2 and len(wire.ike('IKE_SA_INIT')) == 2
