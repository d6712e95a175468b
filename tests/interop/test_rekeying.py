"""Rekeying and deletion between ternd (on moon) and charon (on sun), started by either end."""

import pytest

from lab import INNER, Tunnel, assert_agreement, assert_childless, assert_gone, wait_for

PSK = Tunnel('psk')
PFS = Tunnel('pfs', esp='aes128gcm16-x25519')
CBC = Tunnel('aes-cbc-with-pfs', ike='aes256-sha256-modp2048', esp='aes256-sha256-modp2048')
IKEV1 = Tunnel('ikev1', ike='aes128-sha256-modp2048', esp='aes128-sha256', both={'version': 1})
ENDS = ('tern', 'charon')


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('rekeyer', ENDS)
@pytest.mark.parametrize('row', [PSK, PFS, CBC], ids=str)
def test_rekeying_a_child(bench, row, rekeyer, first):
    ends = bench.established(row, first)
    before = ends['tern'].the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        ends[rekeyer].rekey_child()
        wait_for(lambda: all(before['spi-in'] not in str(end.children()) and end.children() for end in ends.values()),
                 'new keys')
        lost = pings.lost()
        bench.ping_both_ways()
    assert not lost, pings.output()
    assert_agreement(ends['tern'], ends['charon'], row)
    assert ends['tern'].the_child()['spi-in'] != before['spi-in']
    wire.assert_only_encrypted()


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('rekeyer', ENDS)
@pytest.mark.parametrize('row', [PSK, CBC], ids=str)
def test_rekeying_the_ike_sa(bench, row, rekeyer, first):
    ends = bench.established(row, first)
    before, child = ends['tern'].the_ike(), ends['tern'].the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        ends[rekeyer].rekey_ike()
        wait_for(lambda: all(end.the_ike()['initiator-spi'] != before['initiator-spi'] for end in ends.values()),
                 'a new IKE SA')
        lost = pings.lost()
        bench.ping_both_ways()
    assert not lost, pings.output()
    assert_agreement(ends['tern'], ends['charon'], row)
    assert ends['tern'].the_child()['spi-in'] == child['spi-in'], 'the child must move to the new IKE SA as it is'
    wire.assert_only_encrypted()
    ends[rekeyer].rekey_child()
    wait_for(lambda: ends['tern'].the_child()['spi-in'] != child['spi-in'], 'a child rekeyed on the new IKE SA')
    bench.ping_both_ways()


@pytest.mark.parametrize('ender', ENDS)
@pytest.mark.parametrize('row', [PSK, IKEV1], ids=str)
def test_deleting_the_child(bench, row, ender):
    ends = bench.established(row)
    ends[ender].end_child()
    assert_childless(*ends.values())
    assert bench.lab.ping('alice', INNER['bob', 4], '-W', '0.5', count=1).returncode != 0
    ends[ender].up()
    bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], row)


@pytest.mark.parametrize('ender', ENDS)
@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('row', [PSK, IKEV1], ids=str)
def test_deleting_the_ike_sa(bench, row, first, ender):
    ends = bench.established(row, first)
    ends[ender].end_ike()
    assert_gone(*ends.values())
    ends[first].up()
    bench.ping_both_ways()


@pytest.mark.parametrize('row', [PSK, IKEV1], ids=str)
def test_a_daemon_that_leaves_says_so(bench, row):
    ends = bench.established(row)
    ends['tern'].leave()
    assert_gone(ends['charon'])
    ends['tern'].start().up()
    bench.ping_both_ways()
