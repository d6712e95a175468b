"""IKEv1 between ternd (on moon) and strongSwan's charon (on sun): main mode with a pre-shared key, quick mode with and
without PFS, in both roles; rekeying, reauthentication and dead peer detection."""

import dataclasses

import pytest

from lab import INNER, Tunnel, assert_agreement, assert_gone, wait_for

ENDS = ('tern', 'charon')
V1 = {'version': 1}
MORE_SELECTORS = {
    'moon': {'children.net.local_ts': ('10.1.0.0/24', '10.1.1.0/24'),
             'children.net.remote_ts': ('10.2.0.0/24', '10.2.1.0/24')},
    'sun': {'children.net.local_ts': ('10.2.0.0/24', '10.2.1.0/24'),
            'children.net.remote_ts': ('10.1.0.0/24', '10.1.1.0/24')},
}


def row(name, ike='aes128-sha256-modp2048', esp='aes128-sha256', **more):
    return Tunnel(name, ike=ike, esp=esp, both={**V1, **more.pop('both', {})}, **more)


PLAIN = row('psk')
PFS = row('pfs', esp='aes128-sha256-modp2048')
TUNNELS = [
    PLAIN,
    PFS,
    row('aes256-sha512-ecp521', ike='aes256-sha512-ecp521', esp='aes256-sha512-ecp521'),
    row('aes192-sha384-ecp384', ike='aes192-sha384-ecp384', esp='aes192-sha384'),
    row('3des-sha1-modp1024', ike='3des-sha1-modp1024', esp='3des-sha1'),
    row('x25519', ike='aes256-sha256-x25519', esp='aes128gcm16-x25519'),
    row('esp-aes256-gcm', esp='aes256gcm16'),
    row('address-identities', both={'/secrets.ike-site.id-1': None, '/secrets.ike-site.id-2': None},
        moon={'local.id': '172.16.1.1', 'remote.id': '172.16.2.1'},
        sun={'local.id': '172.16.2.1', 'remote.id': '172.16.1.1'}),
    row('ipv6', outer=6, inner=(6,)),
]


# Where it is the initiator that can't know whether its last message got there.
AGGRESSIVE = row('aggressive', both={'aggressive': True},
                 sun_settings={'i_dont_care_about_security_and_use_aggressive_mode_psk': True})


def deleting(tunnel):
    """charon keeps the children that it has rekeyed until they expire, unless it is told not to."""
    more = {'delete_rekeyed': True, 'levels': {'esp': 2}}
    return dataclasses.replace(tunnel, sun_settings={**(tunnel.sun_settings or {}), **more})


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    with bench.wire() as wire:
        ends = bench.established(tunnel, first)
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    assert all(end.the_ike()['version'] == '1' for end in ends.values())
    wire.assert_only_encrypted()


def assert_lossless(ends, lost, pings):
    """But for what charon says that it drops itself."""
    assert len(lost) <= ends['charon'].dropped(), pings.output()


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('rekeyer', ENDS)
@pytest.mark.parametrize('tunnel', [PLAIN, PFS], ids=str)
def test_rekeying_a_child(bench, tunnel, rekeyer, first):
    ends = bench.established(deleting(tunnel), first)
    before = ends['tern'].the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        ends[rekeyer].rekey_child()
        wait_for(lambda: all(before['spi-in'] not in str(end.children()) and end.children() for end in ends.values()),
                 'new keys')
        lost = pings.lost()
        bench.ping_both_ways()
    assert_lossless(ends, lost, pings)
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    wire.assert_only_encrypted()


@pytest.mark.parametrize('tunnel, again, first', [*((PLAIN, again, first) for again in ENDS for first in ENDS),
                                                  (AGGRESSIVE, 'tern', 'charon')], ids=str)
def test_a_new_phase_1_adopts_the_children(bench, tunnel, again, first):
    ends = bench.established(deleting(tunnel), first)
    before, child = ends['tern'].the_ike(), ends['tern'].the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        ends[again].rekey_ike()
        wait_for(lambda: all(len(sas) == 1 and sas[0]['initiator-spi'] != before['initiator-spi'] and sas[0]['children']
                             for sas in map(lambda end: end.sas(), ends.values())), 'a new phase 1 alone', 40)
        lost = pings.lost()
        bench.ping_both_ways()
    assert_lossless(ends, lost, pings)
    assert ends['tern'].the_child()['spi-in'] == child['spi-in'], 'the child must be adopted as it is'
    wire.assert_only_encrypted()
    for end in ENDS:
        child = ends['tern'].the_child()
        ends[end].rekey_child()
        wait_for(lambda: ends['tern'].the_child()['spi-in'] != child['spi-in'], f'a child rekeyed by {end}')
        bench.ping_both_ways()


@pytest.mark.parametrize('first', ENDS)
def test_several_selectors_are_several_quick_modes(bench, first):
    """charon makes one child of the first pair only, tern one of each."""
    ends = dict(zip(ENDS, bench.start(row('several', **MORE_SELECTORS), moon='tern', sun='charon')))
    ends[first].up()
    if first == 'tern':
        wait_for(lambda: len(ends['tern'].children()) == 4, 'four children')
        for source, target in (('10.1.0.10', '10.2.1.10'), ('10.1.1.10', '10.2.0.10'), ('10.1.1.10', '10.2.1.10')):
            there = bench.lab.ping('alice', target, '-I', source)
            assert there.returncode == 0, there.stdout
    else:
        bench.ping_both_ways()


def test_groups_are_offered_one_after_the_other(bench):
    """One quick mode has room for one: charon refuses the first, and takes what has none."""
    tunnel = row('groups', moon={'children.net.esp_proposals': ('aes128-sha256-modp2048', 'aes256-sha512')},
                 sun={'children.net.esp_proposals': 'aes256-sha512'})
    moon, sun = bench.start(tunnel, moon='tern', sun='charon')
    moon.up()
    bench.ping_both_ways()
    assert_agreement(moon, sun)
    moon.wait_log('refused the proposals of child net with MODP_2048')


@pytest.mark.parametrize('first', ENDS)
def test_dead_peers_are_detected(bench, first):
    ends = bench.established(row('dpd', both={'dpd_delay': '1s', 'dpd_timeout': '3s'}), first)
    ends['charon'].end(how=9)
    assert_gone(ends['tern'])


@pytest.mark.parametrize('first', ENDS)
def test_secrets_that_differ_are_said(bench, first):
    other = row('secrets', sun={'/secrets.ike-site.secret': 'another one'})
    ends = dict(zip(ENDS, bench.start(other, moon='tern', sun='charon')))
    ends[first].swanctl('--initiate', '--child', 'net', '--timeout', '3', check=False)
    if first == 'charon':
        ends['tern'].wait_log('pre-shared key')
    assert not ends['tern'].established() and not ends['charon'].established()


@pytest.mark.parametrize('hidden', ENDS)
@pytest.mark.parametrize('outer', [4, 6], ids=['ipv4', 'ipv6'])
def test_nat_between(bench, hidden, outer):
    site, other = ('moon', 'sun') if hidden == 'tern' else ('sun', 'moon')
    bench.lab.hide(site)
    tunnel = row('nat', outer=outer, **{other: {'remote_addrs': '%any'}})
    with bench.wire() as wire:
        ends = bench.established(tunnel, hidden)
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    wire.assert_only_encrypted(protocol=17)


@pytest.mark.parametrize('first', ENDS)
def test_version_0_answers_ikev1_and_begins_with_ikev2(bench, first):
    tunnel = row('any-version', moon={'version': 0}, sun={'version': 1 if first == 'charon' else 0})
    ends = bench.established(tunnel, first)
    assert ends['tern'].the_ike()['version'] == ('1' if first == 'charon' else '2')
