"""NAT-keepalives (RFC 3948 §4): from behind a NAT, where nothing else was sent for a while, and only there.

    alice -- moon ==(router: may translate moon's addresses)== sun -- bob
"""

import contextlib
import re
import time

import pytest

from lab import INNER, OUTER, OUTER_SECOND, Tunnel, wait_for

QUIET = {'dpd_delay': '0s'}


def row(name, keep_alive='1s', moon=None, **more):
    settings = {'keep_alive': keep_alive}
    return Tunnel(name, **more, moon={**QUIET, **(moon or {})}, sun={**QUIET, 'remote_addrs': '%any'}, moon_settings=settings, sun_settings=settings)


def up(bench, tunnel, hidden=True):
    if hidden:
        bench.lab.hide('moon')
    moon, sun = bench.start(tunnel)
    moon.up()
    return moon, sun


def watch(bench, seconds):
    with bench.wire() as wire:
        time.sleep(seconds)
    return wire


def kept(bench, count):
    """The wire until so many keepalives have crossed it."""
    with bench.wire() as wire:
        wire.until(lambda: len(wire.of('keepalive')) >= count, f'{count} keepalives')
    return wire


def assert_only_where_silent(wire, seconds=1):
    """Each keepalive came when moon had sent nothing for so long, but for what a slow machine takes between clock and
    wire. Where it lets moon sleep, keepalives are in order."""
    sent = [frame for frame in wire.frames if frame.source == OUTER['moon', 4] and frame.kind in ('ike', 'esp', 'keepalive')]
    for before, frame in zip(sent, sent[1:]):
        silent = frame.time - before.time
        assert frame.kind != 'keepalive' or silent > 0.75 * seconds, f'a keepalive {silent:.3f} s after {before}'


@pytest.mark.parametrize('version', [1, 2])
def test_an_idle_tunnel_is_kept(bench, version):
    up(bench, row(f'kept-{version}', ike='aes128-sha256-modp2048', both={'version': version}))
    wire = kept(bench, 4)
    frames = wire.of('keepalive')
    for frame in frames:
        assert (frame.source, frame.target_port, frame.payload) == (OUTER['moon', 4], 4500, b'\xff'), frame
    assert_only_where_silent(wire)
    assert frames[3].time - frames[0].time < 3 * 3, 'one a second'
    bench.ping_both_ways()


def test_esp_is_enough(bench):
    up(bench, row('busy'))
    with bench.wire() as wire:
        bench.lab['alice'].run('ping', '-n', '-c', 10, '-i', '0.4', INNER['bob', 4])
    assert len([frame for frame in wire.of('esp') if frame.source == OUTER['moon', 4]]) >= 10
    assert_only_where_silent(wire)
    kept(bench, 1)


def test_ike_is_enough(bench):
    # Probes come each second, keepalives would every two.
    up(bench, row('probed', '2s', {'dpd_delay': '1s'}))
    with bench.wire() as wire:
        wire.until(lambda: len(wire.ike('INFORMATIONAL', response=False)) >= 5, 'five probes')
    assert_only_where_silent(wire, 2)


def test_a_nat_that_vanishes(bench):
    # The next liveness check shows that nobody translates any more (RFC 4555 §3.8): no keepalives, and ESP as it is.
    moon, _ = up(bench, row('vanished', moon={'dpd_delay': '3s'}))
    kept(bench, 1)
    bench.lab['router'].run('nft', 'flush', 'ruleset')
    bench.lab.forget_flows()
    moon.wait_log(rf'(?m)now between {re.escape(OUTER["moon", 4])}\S* and {re.escape(OUTER["sun", 4])}\S*\d\]$')
    with bench.wire() as wire:
        time.sleep(2.5)
        bench.ping_both_ways()
    assert not wire.of('keepalive') and {frame.protocol for frame in wire.of('esp')} == {50}, wire.of('esp')


@pytest.mark.parametrize('keep_alive, hidden', [('1s', False), ('0s', True)], ids=['no-nat', 'switched-off'])
def test_none(bench, keep_alive, hidden):
    up(bench, row('not-kept', keep_alive), hidden)
    assert not watch(bench, 2.5).of('keepalive')


def test_one_for_all_sas_of_a_path(bench):
    # A second child and a rekeyed IKE SA are no reason for more.
    moon, _ = up(bench, row('shared'))
    before = moon.the_ike()
    moon.rekey_ike()
    wait_for(lambda: moon.the_ike()['initiator-spi'] != before['initiator-spi'], 'a new IKE SA')
    assert_only_where_silent(kept(bench, 3))


def test_a_nat_that_appears_with_a_move(bench):
    # wan2's network is translated, wan's isn't: keepalives begin when MOBIKE moves the SA, and go from there.
    rules = """
        table inet nat {
            chain postrouting {
                type nat hook postrouting priority srcnat;
                iifname "moon2" oifname "sun" masquerade
            }
        }"""
    with contextlib.ExitStack() as stack:
        stack.enter_context(bench.lab.second_link('moon'))
        bench.lab['router'].run('nft', '-f', '-', input=rules)
        moon, _ = up(bench, row('moved', moon={'local_addrs': '172.16.0.0/16'}), hidden=False)
        assert not watch(bench, 2).of('keepalive')
        moon.host.run('ip', 'link', 'set', 'wan', 'down')
        wait_for(lambda: moon.the_ike()['local-host'] == OUTER_SECOND['moon', 4], 'moon to move')
        frames = kept(bench, 2).of('keepalive')
        bench.ping_both_ways()
        bench.lab.first_link_up('moon')
    assert {frame.source for frame in frames} == {OUTER_SECOND['moon', 4]}, frames
