"""Reauthentication between ternd (on moon) and charon (on sun), by either end, while packets cross."""

import pytest

from lab import INNER, Tunnel, assert_agreement, wait_for

OVERLAP = {'make_before_break': True, 'levels': {'esp': 2}}
PSK = Tunnel('psk', sun_settings=OVERLAP)
CERTIFICATES = Tunnel('ecdsa', auth='ecdsa', sun_settings=OVERLAP)
ENDS = ('tern', 'charon')
REORDERED = 0.5   # seconds: by the network of a busy machine


def replaced(ends, before, seconds=30):
    """Wait until both ends have one IKE SA, and another than before."""
    wait_for(lambda: all(len(end.sas()) == 1 and end.established() and
                         end.established()[0]['initiator-spi'] != before['initiator-spi'] for end in ends.values()),
             'a newly authenticated IKE SA, alone', seconds)


def assert_lossless(wire, ends, before, *pings):
    """But for what charon says that it drops. It takes its children away with the answer to the delete of their IKE SA, and
    may be late with a packet that came before that; tern sends none after it."""
    lost = [way.lost() for way in pings]
    wire.look()
    end = max(frame.time for frame in wire.ike('INFORMATIONAL') if frame.ike.spi_i == before['initiator-spi'])
    spi = bytes.fromhex(before['children'][0]['spi-out'])
    late = [str(frame) for frame in wire.of('esp') if frame.payload[:4] == spi and frame.time > end + REORDERED]
    assert not late, late
    assert sum(map(len, lost)) <= ends['charon'].dropped(), '\n'.join(way.output() for way in pings)


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('again', ENDS)
@pytest.mark.parametrize('row', [PSK, CERTIFICATES], ids=str)
def test_on_command(bench, row, again, first):
    ends = bench.established(row, first)
    before, child = ends['tern'].the_ike(), ends['tern'].the_child()
    with bench.wire() as wire:
        pings = [bench.lab.start_pings('alice', INNER['bob', 4]), bench.lab.start_pings('bob', INNER['alice', 4])]
        ends[again].swanctl('--rekey', '--ike', 'site', '--reauth')
        replaced(ends, before)
        assert_lossless(wire, ends, before, *pings)
        bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], row)
    assert ends['tern'].the_child()['spi-in'] != child['spi-in']
    assert ends['tern'].the_child()['reqid'] == child['reqid'], 'the new child takes the place of the old'
    wire.assert_only_encrypted()


@pytest.mark.parametrize('again', ENDS)
def test_in_time(bench, again):
    times = {'reauth_time': '5s', 'over_time': '30s', 'rand_time': '0s'}
    row = Tunnel('in-time', sun_settings=OVERLAP, **{{'tern': 'moon', 'charon': 'sun'}[again]: times})
    ends = bench.established(row, again)
    before = ends['tern'].the_ike()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        replaced(ends, before, 25)
        assert_lossless(wire, ends, before, pings)
    bench.ping_both_ways()


def test_the_lifetime_that_charon_announces(bench):
    """It does so where it can't authenticate anew itself: to peers with virtual addresses."""
    row = Tunnel('auth-lifetime', moon={'vips': '0.0.0.0', 'children.net.local_ts': 'dynamic'},
                 sun={'pools': 'some', '/pools.some.addrs': '10.9.0.0/24', 'children.net.remote_ts': 'dynamic',
                      'reauth_time': '8s', 'over_time': '30s', 'rand_time': '0s'}, sun_settings={'levels': {'esp': 2}})
    ends = dict(zip(ENDS, bench.start(row, moon='tern', sun='charon')))
    ends['tern'].up()
    before = ends['tern'].the_ike()
    assert 0 < int(before['reauth-time']) <= 8
    ends['tern'].wait_log('the peer wants us to authenticate again within 8 s')
    with bench.wire() as wire:
        pings = bench.lab.start_pings('moon', INNER['bob', 4])
        replaced(ends, before)
        assert_lossless(wire, ends, before, pings)
    assert ends['tern'].the_ike()['local-vips'] == before['local-vips'], 'the same address again'
    assert 'reauthenticated' in ends['tern'].output()


def test_the_lifetime_that_charon_is_told(bench):
    """charon initiated, without a reauth_time of its own; ternd can't initiate. charon takes up to its rand_time off
    the lifetime, and authenticates again without end where nothing is left of it."""
    row = Tunnel('announced', sun_settings=OVERLAP, sun={'rand_time': '0s', 'over_time': '2s'},
                 moon={'remote_addrs': '%any', 'reauth_time': '8s', 'over_time': '30s', 'rand_time': '0s'})
    ends = bench.established(row, 'charon')
    before = ends['tern'].the_ike()
    replaced(ends, before)
    bench.ping_both_ways()
