"""IKEv2 between ternd (on moon) and libreswan's pluto with the kernel's ESP (on sun): pre-shared keys and certificates from
both ends, rekeying by both under traffic, and MOBIKE."""

import pytest

from lab import INNER, OUTER_SECOND, Tunnel, wait_for
from lab.pluto import assert_same_child

ENDS = ('tern', 'pluto')


def row(name, **more):
    return Tunnel(name, ike='aes128gcm16-prfsha256-x25519', esp='aes128gcm16', **more)


PSK = row('psk')
RSA = row('rsa', auth='rsa', pluto={'rightca': '%same'})
ECDSA = row('ecdsa', auth='ecdsa', pluto={'rightca': '%same', 'authby': 'ecdsa'})


def established(bench, tunnel, first):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='pluto')))
    ends[first].up()
    bench.ping_both_ways()
    return ends


@pytest.mark.parametrize('first, tunnel', [('tern', PSK), ('pluto', PSK), ('tern', RSA), ('pluto', ECDSA)], ids=str)
def test_tunnel(bench, tunnel, first):
    with bench.wire() as wire:
        ends = established(bench, tunnel, first)
    assert_same_child(**ends)
    assert ends['tern'].the_ike()['version'] == '2'
    wire.assert_only_encrypted(protocol=50)


@pytest.mark.parametrize('rekeyer', ENDS)
def test_rekeying_of_the_child_and_of_the_ike_sa(bench, rekeyer):
    ends = established(bench, PSK, 'tern')
    tern, ike, child = ends['tern'], ends['tern'].the_ike(), ends['tern'].the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        ends[rekeyer].rekey_child()
        wait_for(lambda: all(each['spi-in'] != child['spi-in'] for each in tern.children()), 'new keys of the child')
        ends[rekeyer].rekey_ike()
        wait_for(lambda: all(sa['initiator-spi'] != ike['initiator-spi'] for sa in tern.sas()), 'a new IKE SA')
        lost = pings.lost()
    assert not lost, pings.output()
    assert_same_child(**ends)
    wire.assert_only_encrypted()


def test_a_client_moves(bench):
    """libreswan has MOBIKE between a client with a virtual address and its gateway only (ipsec.conf(5)), and as the client it
    doesn't return COOKIE2."""
    moon = {'vips': '0.0.0.0', 'children.net.local_ts': None, 'local_addrs': '172.16.0.0/16'}
    sun = {'pools': 'four', 'remote_addrs': '%any', 'children.net.remote_ts': None,
           '/pools': {'four': {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53'}}}
    tern, pluto = bench.start(row('mobile', moon=moon, sun=sun, pluto={'mobike': 'yes'}), moon='tern', sun='pluto')
    with bench.lab.second_link('moon'), bench.wire() as wire:
        tern.up()
        pings = bench.lab.start_pings('bob', '10.3.0.1')
        tern.host.run('ip', 'link', 'set', 'wan', 'down')
        wait_for(lambda: tern.the_ike()['local-host'] == OUTER_SECOND['moon', 4], 'the new address')
        pings.lost()
        assert_same_child(tern, pluto)
    wire.assert_only_encrypted(protocol=50)
