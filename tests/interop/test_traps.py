"""Traps of ternd on moon towards charon on sun: the packet that brings the tunnel up isn't lost, nothing leaves in the
clear, and what `tern` and swanctl show of it."""

import json
import os
import re
import signal
import time

import pytest

from lab import INNER, NETWORKS, OUTER, Tunnel, assert_agreement, assert_childless, wait_for

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
            wait_for(lambda: not moon.children() and 'ROUTED' in moon.status(), 'the trap alone to be left')
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
        assert bench.lab.ping('alice', INNER['bob', 4], '-W', '2').returncode != 0
    assert not wire.plain() and not wire.of('esp')
    moon.wait_log('the trap brought no child up: .*AUTHENTICATION_FAILED')
    wait_for(lambda: 'ROUTED' in moon.status(), 'the trap to be set again')


def test_an_unused_child_is_closed(bench):
    tunnel = Tunnel('inactivity', moon={'children.net.inactivity': '2s'})
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    moon.up()
    child = moon.the_child()
    bench.lab.start_pings('bob', INNER['alice', 4], count=80).lost()   # for four seconds
    assert moon.the_child()['spi-in'] == child['spi-in']
    moon.wait_log('nothing has passed for 2 s')
    assert_childless(moon, sun)


def test_a_busy_tunnel_is_not_probed(bench):
    moon, _ = bench.start(Tunnel('dpd', moon={'dpd_delay': '2s'}), moon='tern', sun='charon')
    moon.up()
    with bench.wire() as wire:
        bench.lab.start_pings('bob', INNER['alice', 4], count=100).lost()   # for five seconds
    assert not probes(wire)
    with bench.wire() as wire:
        wire.until(lambda: len(probes(wire)) >= 2, 'two probes')


def probes(wire):
    """The INFORMATIONAL requests of ternd's; charon sends address updates of its own when it likes."""
    return wire.ike('INFORMATIONAL', response=False, sender=OUTER['moon', 4])


# A peer that dies: dpd_action says what is left. charon is stopped, so that it doesn't even say that it is gone.

QUICK = {'retransmit_timeout': 0.5, 'retransmit_tries': 2, 'retry_wait': 1, 'retry_wait_max': 2}


@pytest.mark.parametrize('how', [signal.SIGSTOP, signal.SIGKILL], ids=['stopped', 'killed'])
@pytest.mark.parametrize('action', ['clear', 'trap', 'start'])
def test_a_dead_peer_is_noticed(bench, action, how):
    tunnel = Tunnel('dead-peer', moon={'dpd_delay': '1s', 'children.net.dpd_action': action}, moon_settings=QUICK)
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    moon.up()
    bench.ping_both_ways()
    os.kill(charon_pid(sun), how)
    try:
        moon.wait_log('gave no answer to INFORMATIONAL')
        left_by(action, moon)
    finally:
        if how == signal.SIGSTOP:
            os.kill(charon_pid(sun), signal.SIGCONT)
    if how == signal.SIGKILL:
        sun.end()
        sun.start()
    if action == 'clear':
        time.sleep(1)
        assert not moon.sas()
        return
    wait_for(lambda: bench.lab.ping('alice', INNER['bob', 4], '-W', '1', count=1).returncode == 0, 'the tunnel to be back')
    wait_for(lambda: len(moon.children()) == 1, 'one child')


def charon_pid(sun):
    return sun.process.pid   # the shell and setpriv before it became charon by exec


def left_by(action, moon):
    wait_for(lambda: not moon.children(), 'the child to go')
    assert ('ROUTED' in moon.status()) == (action == 'trap'), moon.status()
    if action == 'start':
        wait_for(lambda: any(sa['state'] == 'CONNECTING' for sa in moon.sas()), 'another attempt')


# The other way round: charon has the trap, ternd answers.

def test_charon_has_the_trap(bench):
    """kernel-libipsec (5.9.8) drops what meets its trap and tells nobody: there the child has to be asked for. A charon
    whose plane acquires must bring the tunnel up for the first ping."""
    tunnel = Tunnel('charons-trap', sun={'children.net.start_action': 'trap'})
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    assert re.search(r'net, TUNNEL', sun.swanctl('--list-pols').stdout)
    with bench.wire() as wire:
        first = bench.lab.ping('bob', INNER['alice', 4], '-W', '2', count=1)
    assert not wire.plain()
    if first.returncode:
        sun.wait_log(r'could not find an outbound IPsec SA for reqid \{1\}, dropping packet')
        assert not wire.ike() and not moon.sas()
        sun.up()
    assert sun.the_child()['reqid'] == '1'
    assert_agreement(moon, sun)
    bench.ping_both_ways()


def waiting(moon, least):
    """The trap of moon's, once that many packets wait in it."""
    policies = [entry for entry in json.loads(moon.tern('status', '--json').stdout) if 'kept-packets' in entry]
    return next((policy for policy in policies if int(policy['kept-packets']) >= least), None)


def test_what_the_peer_brings_up_gets_what_waited(bench):
    """Packets that wait in ternd's trap while the peer initiates the child go over it, without loss: 50 ms later, as charon
    installs the child when our response has come. On a busy machine charon may take longer than that and says so, but not
    each time."""
    tunnel = Tunnel('trap-meets-peer', moon=TRAP, moon_settings={'retransmit_timeout': 0.3},
                    sun_settings={'levels': {'esp': 2}})
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    bench.lab['router'].run('nft', '-f', '-', input="""
        table inet cut {
            chain forward {
                type filter hook forward priority filter;
                iifname "moon" udp dport 500 @th,216,8 & 0x20 == 0 counter drop
            }
        }""")
    for _ in range(3):
        pings = bench.lab.start_pings('alice', INNER['bob', 4], interval='0.1', answered=False)
        policy = wait_for(lambda: waiting(moon, 2), 'packets to wait')
        assert policy['state'] == 'ACQUIRING' and policy['dropped'] == '0', policy
        assert re.search(r'ACQUIRING, a packet brings it up, \d+ wait', moon.status())
        with bench.wire() as wire:
            before = sun.dropped()
            sun.up()
            lost = pings.lost()
        assert len(lost) <= sun.dropped() - before, pings.output()
        answered = next(frame for frame in wire.ike('IKE_AUTH', response=True) if frame.source == OUTER['moon', 4])
        first = next(frame for frame in wire.of('esp') if frame.source == OUTER['moon', 4])
        if not lost and first.time - answered.time > 0.03:
            break
        sun.end_ike()
        wait_for(lambda: not moon.children(), 'the child to go')
    else:
        pytest.fail(f'{first.time - answered.time:.3f} s later, {lost} lost: {pings.output()}')
    policy = waiting(moon, 0)
    assert (policy['kept-packets'], policy['dropped']) == ('0', '0') and int(policy['released']) > 1, policy
