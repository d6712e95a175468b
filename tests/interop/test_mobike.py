"""MOBIKE (RFC 4555) and NATs that rebind (RFC 7296 2.23), with strongSwan, in both roles, while pings cross the tunnel.

charon's kernel-libipsec puts ESP into UDP always; what tern itself puts there is asserted between two terns."""

import pytest

from lab import INNER, OUTER, OUTER_SECOND, Tunnel, Vici, assert_agreement, wait_for

MOBILE = {'local_addrs': '172.16.0.0/16', 'remote_addrs': None, 'dpd_delay': '2s'}
PAIRS = [('tern', 'charon'), ('charon', 'tern'), ('tern', 'tern')]


def mobile(name, first, **other):
    """A tunnel that moon and sun may move; `first` knows where the other is."""
    sides = {site: dict(MOBILE) for site in ('moon', 'sun')}
    sides[first]['remote_addrs'] = OUTER[{'moon': 'sun', 'sun': 'moon'}[first], 4]
    sides[{'moon': 'sun', 'sun': 'moon'}[first]]['remote_addrs'] = '%any'
    return Tunnel(name, **sides, **{'settings': {'retransmit_timeout': 0.3}, **other})


def assert_gap(pings, seconds, kinds):
    """The pings came back in the end, and were lost for no longer than this, as a path that is gone carries nothing until both
    ends know; between two ternds in one piece. charon's plane can't move an SA: what the rekeying after a move costs there is
    charon's."""
    lost = pings.lost()
    assert len(lost) <= 20 * seconds, pings.output()
    if lost and 'charon' not in kinds:
        assert lost[-1] - lost[0] + 1 == len(lost), f'lost more than once: {lost}'


def at(daemon, side, address):
    return wait_for(lambda: [sa for sa in daemon.established() if sa[f'{side}-host'] == address],
                    f'{daemon.kind} on {daemon.host.name} to have {side}-host {address}')


def one_left(daemon):
    """One child and one IKE SA, when the rekeyings that charon makes of a move are over."""
    wait_for(lambda: len(daemon.sas()) == len(daemon.children()) == 1, f'one child on {daemon.host.name}')


@pytest.mark.parametrize('kinds', PAIRS, ids='-'.join)
@pytest.mark.parametrize('first', ['moon', 'sun'])
@pytest.mark.parametrize('mover', ['moon', 'sun'])
def test_one_end_moves_to_its_other_link_and_back(bench, kinds, first, mover):
    moon, sun = bench.start(mobile('moves', first), *kinds)
    ends = {'moon': moon, 'sun': sun}
    here, there = ends.pop(mover), ends.popitem()[1]
    (moon if first == 'moon' else sun).up()
    spi = here.the_child()['spi-in']
    with bench.lab.second_link(mover):
        for down, up, address in (('wan', None, OUTER_SECOND[mover, 4]), ('wan2', 'wan', OUTER[mover, 4])):
            pings = bench.lab.start_pings('alice', INNER['bob', 4], count=80)
            if up:
                bench.lab.first_link_up(mover)
            here.host.run('ip', 'link', 'set', down, 'down')
            at(here, 'local', address)
            at(there, 'remote', address)
            assert_gap(pings, 5, kinds)
    for daemon in moon, sun:
        one_left(daemon)
    assert_agreement(moon, sun)
    if 'charon' not in kinds:   # kernel-libipsec can't move an SA: charon rekeys it
        assert here.the_child()['spi-in'] == spi


@pytest.mark.parametrize('kinds', PAIRS, ids='-'.join)
@pytest.mark.parametrize('mobike', [True, False], ids=['mobike', 'no-mobike'])
@pytest.mark.parametrize('hidden', ['moon', 'sun'])
def test_a_nat_rebinds(bench, kinds, mobike, hidden):
    other = {'moon': 'sun', 'sun': 'moon'}[hidden]
    bench.lab.hide(hidden)
    moon, sun = bench.start(mobile('rebinds', hidden, both={'mobike': mobike}), *kinds)
    inside, outside = (moon, sun) if hidden == 'moon' else (sun, moon)
    inside.up()
    pings = bench.lab.start_pings('alice', INNER['bob', 4], count=60)
    bench.lab.rebind(hidden, '20000-20999')
    wait_for(lambda: 20000 <= int(outside.the_ike()['remote-port']) <= 20999, 'the new port to be followed')
    assert_gap(pings, 8, kinds)
    for daemon in moon, sun:
        one_left(daemon)
    assert_agreement(moon, sun)
    assert outside.the_ike()['local-host'] == OUTER[other, 4]


@pytest.mark.parametrize('kinds', [('tern', 'charon'), ('tern', 'tern')], ids='-'.join)
def test_a_path_dies_and_another_address_of_the_peer_is_found(bench, kinds):
    with bench.lab.second_link('sun'):
        moon, sun = bench.start(mobile('dead-path', 'moon'), *kinds)
        moon.up()
        pings = bench.lab.start_pings('alice', INNER['bob', 4], count=60)
        rules = f'''table inet dead {{ chain forward {{ type filter hook forward priority 0;
            ip saddr {OUTER["sun", 4]} drop
            ip daddr {OUTER["sun", 4]} drop
        }}
        }}'''
        bench.lab['router'].run('nft', '-f', '-', input=rules)
        at(moon, 'remote', OUTER_SECOND['sun', 4])
        at(sun, 'local', OUTER_SECOND['sun', 4])
        assert_gap(pings, 10, kinds)


def test_a_move_is_told_and_shown(bench):
    moon, sun = bench.start(mobile('told', 'moon'), 'tern', 'tern')
    moon.up()
    with bench.lab.second_link('moon'), Vici(sun.socket) as events:
        events.register('ike-update')
        moon.host.run('ip', 'link', 'set', 'wan', 'down')
        assert events.receive()[1] == 'ike-update'
        for daemon in moon, sun:
            wait_for(lambda: OUTER_SECOND['moon', 4] in daemon.status(), 'status to show the new address')
        bench.ping_both_ways()
    moon.leave()


def test_without_mobike_a_new_sa_takes_its_place(bench):
    moon, sun = bench.start(mobile('no-mobike', 'moon', both={'mobike': False}), 'tern', 'tern')
    moon.up()
    with bench.lab.second_link('moon'):
        pings = bench.lab.start_pings('alice', INNER['bob', 4], count=80)
        moon.host.run('ip', 'link', 'set', 'wan', 'down')
        at(sun, 'remote', OUTER_SECOND['moon', 4])
        assert_gap(pings, 5, ('tern', 'tern'))
        for daemon in moon, sun:
            one_left(daemon)
        assert_agreement(moon, sun)
