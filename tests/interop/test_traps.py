"""Traps of ternd on moon towards charon on sun: the packet that brings the tunnel up isn't lost, nothing leaves in the
clear, and what `tern` and swanctl show of it."""

import re
import time

from lab import INNER, NETWORKS, Tunnel, assert_agreement

TRAP = {'children.net.start_action': 'trap'}


def test_the_first_ping_brings_it_up(bench):
    moon, sun = bench.start(Tunnel('trap', moon=TRAP), moon='tern', sun='charon')
    with bench.wire() as wire:
        result = bench.lab.ping('alice', INNER['bob', 4], count=1)
    assert result.returncode == 0, result.stdout
    assert_agreement(moon, sun)
    wire.assert_only_encrypted()
    assert 'a packet' in moon.output() and 'brings it up' in moon.output()


def test_the_trap_stays_when_the_child_goes(bench):
    moon, sun = bench.start(Tunnel('trap-stays', moon=TRAP), moon='tern', sun='charon')
    with bench.wire() as wire:
        for end in (sun, moon):
            assert bench.lab.ping('alice', INNER['bob', 4], count=3).returncode == 0
            end.end_ike()
            assert not moon.children()
            assert 'ROUTED' in moon.status()
        assert bench.lab.ping('alice', INNER['bob', 4], count=1).returncode == 0
    assert_agreement(moon, sun)
    wire.assert_only_encrypted()


def test_set_and_lifted_by_hand(bench):
    moon, sun = bench.start(Tunnel('trap-by-hand'), moon='tern', sun='charon')
    moon.tern('trap', 'net')
    pols = moon.swanctl('--list-pols').stdout
    assert re.search(r'site/net, TUNNEL', pols) and NETWORKS['sun', 4] in pols, pols
    assert 'site/net' in moon.status()
    moon.tern('untrap', 'net')
    assert 'site/net' not in moon.swanctl('--list-pols').stdout
    moon.swanctl('--install', '--child', 'net')
    assert bench.lab.ping('alice', INNER['bob', 4], count=1).returncode == 0
    moon.swanctl('--uninstall', '--child', 'net')
    bench.ping_both_ways()
    assert_agreement(moon, sun)


def test_a_refusal_is_told_and_nothing_leaves(bench):
    tunnel = Tunnel('trap-refused', moon=TRAP, sun={'/secrets.ike-site.secret': 'jets'})
    moon, _ = bench.start(tunnel, moon='tern', sun='charon')
    with bench.wire() as wire:
        assert bench.lab.ping('alice', INNER['bob', 4], count=2).returncode != 0
    assert not wire.of('plain') and not wire.of('esp')
    moon.wait_log('the trap brought no child up: .*AUTHENTICATION_FAILED')
    assert 'ROUTED' in moon.status()


def test_an_unused_child_is_closed(bench):
    tunnel = Tunnel('inactivity', moon={'children.net.inactivity': '1s'})
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    moon.up()
    for _ in range(6):
        assert bench.lab.ping('bob', INNER['alice', 4], count=1).returncode == 0
        time.sleep(0.4)
    assert moon.children()
    moon.wait_log('nothing has passed for 1 s')
    time.sleep(0.2)
    assert not moon.children() and not sun.children() and moon.established()


def test_a_busy_tunnel_is_not_probed(bench):
    moon, _ = bench.start(Tunnel('dpd', moon={'dpd_delay': '1s'}), moon='tern', sun='charon')
    moon.up()
    with bench.wire() as wire:
        for _ in range(8):
            assert bench.lab.ping('bob', INNER['alice', 4], count=1).returncode == 0
            time.sleep(0.4)
    assert not wire.ike('INFORMATIONAL')
    with bench.wire() as wire:
        time.sleep(2.5)
    assert len(wire.ike('INFORMATIONAL')) >= 4
