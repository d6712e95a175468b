"""IKEv1 between ternd (on moon) and libreswan's pluto with the kernel's ESP (on sun): main and aggressive mode, with
pre-shared keys and RSA certificates, in both roles; rekeying and new phases 1 under traffic, dead peers, NAT, transport
mode. libreswan has no ECDSA in IKEv1 (ipsec.conf(5), authby), and no hybrid authentication."""

import signal

import pytest

from lab import INNER, OUTER, Tunnel, assert_gone, wait_for
from lab.pluto import assert_same_child

ENDS = ('tern', 'pluto')


def row(name, ike='aes128-sha256-modp2048', esp='aes128-sha256', both=None, **more):
    return Tunnel(name, ike=ike, esp=esp, both={'version': 1, **(both or {})}, **more)


PLAIN = row('psk')
PFS = 'aes128-sha256-modp2048'
AGGRESSIVE = {'aggressive': True}
# pluto asks for no certificate where it doesn't know whose it wants, and sends fragments unasked only where it must.
ASKS, FRAGMENTS = {'rightca': '%same'}, {'fragmentation': 'force'}
BOTH_WAYS = [
    PLAIN,
    row('psk-aggressive', both=AGGRESSIVE),
    row('rsa', auth='rsa', pluto=ASKS),
    row('rsa-aggressive', auth='rsa', ike='aes128-sha256-x25519', both=AGGRESSIVE, pluto={**ASKS, **FRAGMENTS}),
]
# What is no matter of who begins; this is who does.
ONE_WAY = [
    ('tern', row('rsa-unasked', auth='rsa', moon={'send_cert': 'always'})),
    ('pluto', row('rsa-distinguished-names', auth='rsa', pluto=ASKS,
                  moon={'local.id': None, 'remote.id': 'C=CH, O=tern, CN=sun.tern.test'},
                  sun={'local.id': 'C=CH, O=tern, CN=sun.tern.test', 'remote.id': 'C=CH, O=tern, CN=moon.tern.test'})),
    ('tern', row('aes256-sha512-ecp521', ike='aes256-sha512-ecp521', esp='aes256-sha512')),
    ('pluto', row('aes192-sha384-ecp384', ike='aes192-sha384-ecp384', esp='aes192-sha384')),
    ('tern', row('3des-sha1-modp1536', ike='3des-sha1-modp1536', esp='3des-sha1')),
    ('pluto', row('x25519-gcm', ike='aes256-sha256-x25519', esp='aes256gcm16')),
    ('tern', row('address-identities', both={'/secrets.ike-site.id-1': '172.16.1.1', '/secrets.ike-site.id-2': '172.16.2.1'},
                 moon={'local.id': '172.16.1.1', 'remote.id': '172.16.2.1'},
                 sun={'local.id': '172.16.2.1', 'remote.id': '172.16.1.1'})),
    ('pluto', row('ipv6', outer=6, inner=(6,))),
]
TUNNELS = [*((first, tunnel) for tunnel in BOTH_WAYS for first in ENDS), *ONE_WAY]


def start(bench, tunnel):
    return dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='pluto')))


def established(bench, tunnel, first='tern'):
    ends = start(bench, tunnel)
    ends[first].up()
    bench.ping_both_ways(*tunnel.inner)
    return ends


@pytest.mark.parametrize('first, tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    with bench.wire() as wire:
        ends = established(bench, tunnel, first)
    assert_same_child(**ends)
    assert ends['tern'].the_ike()['version'] == '1'
    wire.assert_only_encrypted(protocol=50)


# whack can't make pluto rekey anything of IKEv1: short lives do. Who renews is not who began: that is the harder half.
SOON = {'rekeymargin': '12s', 'rekeyfuzz': '0%'}


@pytest.mark.parametrize('rekeyer, first', [ENDS, ENDS[::-1]])
def test_rekeying_a_child(bench, rekeyer, first):
    ends = established(bench, row('pfs', esp=PFS, pluto={**SOON, 'salifetime': '14s'} if rekeyer == 'pluto' else {}), first)
    before = ends['tern'].children()[0]
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        if rekeyer == 'tern':
            ends['tern'].rekey_child()
        wait_for(lambda: all(child['spi-in'] != before['spi-in'] for child in ends['tern'].children()), 'new keys', 40)
        lost = pings.lost()
    assert not lost, pings.output()
    if rekeyer == 'tern':
        assert_same_child(**ends)
    wire.assert_only_encrypted()


@pytest.mark.parametrize('again, first', [ENDS, ENDS[::-1]])
def test_a_new_phase_1(bench, again, first):
    ends = established(bench, row('again', pluto={**SOON, 'ikelifetime': '14s'} if again == 'pluto' else {}), first)
    before = ends['tern'].sas()[0]
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        if again == 'tern':
            ends['tern'].rekey_ike()
        wait_for(lambda: [sa for sa in ends['tern'].established()
                          if sa['children'] and sa['initiator-spi'] != before['initiator-spi']],
                 'a new phase 1 that has the children', 40)
        lost = pings.lost()
        bench.ping_both_ways()
    assert not lost, pings.output()
    wire.assert_only_encrypted()


@pytest.mark.parametrize('first, ender', [('tern', 'tern'), ('tern', 'pluto'), ('pluto', 'pluto')])
def test_deletes(bench, first, ender):
    ends = established(bench, PLAIN, first)
    ends[ender].end_child()
    for end in ends.values():
        wait_for(lambda: not end.children(), f'the child on {end.host.name} to go')
    ends[first].up()
    bench.ping_both_ways()
    ends[ender].end_ike()
    assert_gone(*ends.values())


def test_pluto_wants_back_what_it_has_begun(bench):
    ends = established(bench, PLAIN, 'pluto')
    for end in (ends['tern'].end_child, ends['tern'].end_ike):
        before = ends['tern'].the_child()
        end()
        wait_for(lambda: [child for child in ends['tern'].children() if child['spi-in'] != before['spi-in']], 'a new child')
        bench.ping_both_ways()


@pytest.mark.parametrize('dies', ENDS)
def test_dead_peers_are_detected(bench, dies):
    tunnel = row('dpd', moon={'dpd_delay': '1s', 'dpd_timeout': '3s'},
                 pluto={'dpddelay': '1', 'dpdtimeout': '3', 'dpdaction': 'clear'})
    ends = established(bench, tunnel)
    ends[dies].end(signal.SIGKILL)
    other = ends['pluto' if dies == 'tern' else 'tern']
    wait_for(lambda: not other.children() and not other.established(), f'{other.kind} to notice', 40)
    ends[dies].start()
    ends[dies].up()
    bench.ping_both_ways()


@pytest.mark.parametrize('first', ENDS)
def test_transport_mode(bench, first):
    tunnel = row('transport', both={'children.net.mode': 'transport', 'children.net.local_ts': None,
                                    'children.net.remote_ts': None})
    ends = start(bench, tunnel)
    ends[first].up()
    with bench.wire() as wire:
        for source, target in (('moon', 'sun'), ('sun', 'moon')):
            there = bench.lab.ping(source, OUTER[target, 4])
            assert there.returncode == 0, there.stdout
    assert ends['tern'].the_child()['mode'] == 'TRANSPORT'
    wire.assert_only_encrypted(protocol=50)


@pytest.mark.parametrize('hidden', ENDS)
def test_nat_between(bench, hidden):
    site, other = ('moon', 'sun') if hidden == 'tern' else ('sun', 'moon')
    bench.lab.hide(site)
    with bench.wire() as wire:
        ends = established(bench, row('nat', **{other: {'remote_addrs': '%any'}}), hidden)
    assert_same_child(**ends)
    wire.assert_only_encrypted(protocol=17)


@pytest.mark.parametrize('first', ENDS)
def test_a_long_chain_goes_in_fragments(bench, first):
    """In main mode: in aggressive mode pluto sends no chain."""
    tunnel = row('chain', auth='chain', both={'fragmentation': True},
                 pluto={**FRAGMENTS, 'sendca': 'all', 'rightca': 'C=CH, O=tern, CN=root-rsa4096'})
    ends = start(bench, tunnel)
    with bench.wire() as wire:
        ends[first].up()
        bench.ping_both_ways()
    assert_same_child(**ends)
    pieces = [frame for frame in wire.frames if frame.ike and frame.ike.first_payload == 132]
    assert {frame.source for frame in pieces} == {'172.16.1.1', '172.16.2.1'}, 'expected fragments of both ends'
    wire.assert_no_fragments()


@pytest.mark.parametrize('first', ENDS)
def test_secrets_that_differ(bench, first):
    """pluto doesn't answer, so ternd's patience has to end."""
    ends = start(bench, row('differ', sun={'/secrets.ike-site.secret': 'quite another'},
                            moon_settings={'retransmit_tries': 2, 'retransmit_timeout': 1, 'retransmit_base': 1}))
    if first == 'tern':
        result = ends['tern'].up(check=False)
        assert result.returncode != 0 and 'another pre-shared key' in result.stdout, result.stdout
    else:
        ends['pluto'].whack('--name', 'site', '--initiate', '--asynchronous')
        ends['tern'].wait_log('pre-shared key')
    assert not ends['tern'].established() and not ends['pluto'].established()
