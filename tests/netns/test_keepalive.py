"""NAT-keepalives (RFC 3948 §4): from behind a NAT, where nothing else was sent for a while, and only there.

    alice -- moon ==(router: may translate moon's addresses)== sun -- bob
"""

import contextlib
import time

import pytest

from lab import INNER, OUTER, Tunnel

QUIET = {'dpd_delay': '0s'}


def row(name, keep_alive='1s', moon=None):
    settings = {'keep_alive': keep_alive}
    return Tunnel(name, moon={**QUIET, **(moon or {})}, sun={**QUIET, 'remote_addrs': '%any'}, moon_settings=settings, sun_settings=settings)


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


def test_an_idle_tunnel_is_kept(bench):
    up(bench, row('kept'))
    wire = watch(bench, 4.6)
    kept = wire.of('keepalive')
    assert 3 <= len(kept) <= 5, kept
    for frame in kept:
        assert (frame.source, frame.target_port, frame.payload) == (OUTER['moon', 4], 4500, b'\xff'), frame
    gaps = [b.time - a.time for a, b in zip(kept, kept[1:])]
    assert all(0.95 < gap < 1.25 for gap in gaps), gaps
    bench.ping_both_ways()


def test_esp_is_enough(bench):
    up(bench, row('busy'))
    with bench.wire() as wire:
        bench.lab['alice'].run('ping', '-n', '-c', 10, '-i', '0.4', INNER['bob', 4])
    assert not wire.of('keepalive') and len(wire.of('esp')) >= 20
    wire = watch(bench, 2.5)
    assert wire.of('keepalive')


def test_ike_is_enough(bench):
    # The timer of dpd_delay looks at each second; keepalives would come every two.
    up(bench, row('probed', '2s', {'dpd_delay': '1s'}))
    wire = watch(bench, 4.5)
    assert len(wire.ike('INFORMATIONAL')) >= 4 and not wire.of('keepalive')


@pytest.mark.parametrize('keep_alive, hidden', [('1s', False), ('0s', True)], ids=['no-nat', 'switched-off'])
def test_none(bench, keep_alive, hidden):
    up(bench, row('not-kept', keep_alive), hidden)
    assert not watch(bench, 2.5).of('keepalive')


def test_one_for_all_sas_of_a_path(bench):
    # A second child and a rekeyed IKE SA are no reason for more.
    moon, _ = up(bench, row('shared'))
    moon.rekey_ike()
    moon.the_ike()
    time.sleep(1)
    assert 2 <= len(watch(bench, 3.5).of('keepalive')) <= 4


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
        moon.wait_log('172.16.3.1')
        time.sleep(1)
        kept = [frame.source for frame in watch(bench, 2.5).of('keepalive')]
        bench.ping_both_ways()
        bench.lab.first_link_up('moon')
    assert kept and set(kept) == {'172.16.3.1'}, kept
