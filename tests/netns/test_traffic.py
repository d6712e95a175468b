"""What crosses a tunnel between two ternds besides pings: TCP, packets that are too big, and traffic during rekeying."""

import re
import signal

import pytest

from lab import INNER, OUTER, Tunnel, assert_agreement, assert_gone
from lab.daemons import BUILD

HEADERS = {4: 28, 6: 48}   # IP and ICMP: what ping adds to its size


@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
def test_tcp_fits_without_fragments(bench, inner, outer):
    moon, sun = bench.start(Tunnel('tcp', inner=(inner,), outer=outer))
    with bench.wire() as wire:
        moon.up()
        bench.lab.transfer(20_000_000, inner)
    wire.assert_only_encrypted()
    wire.assert_no_fragments()
    assert int(sun.the_child()['bytes-in']) > 15_000_000
    assert int(moon.the_child()['packets-out']) > 10_000


@pytest.mark.parametrize('encap', [False, True], ids=['esp', 'udp'])
def test_tcp_adapts_to_a_narrow_link(bench, encap):
    moon, _ = bench.start(Tunnel('narrow', both={'encap': encap}))
    bench.lab['router'].run('ip', 'link', 'set', 'sun', 'mtu', '1400')
    moon.up()
    with bench.wire() as wire:
        bench.lab.transfer(5_000_000)
    wire.assert_only_encrypted()


@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
def test_a_packet_too_big_is_told_so(bench, inner):
    moon, _ = bench.start(Tunnel('too-big', inner=(inner,)))
    moon.up()
    big = bench.lab.ping('alice', INNER['bob', inner], '-M', 'do', '-s', 1500 - HEADERS[inner], '-W', '2')
    told = re.search(r'(?i)(?:mtu ?= ?|message too long, mtu:? )(\d+)', big.stdout)
    assert told, f'expected ICMP to say that the packet is too big:\n{big.stdout}'
    mtu = int(told[1])
    assert 1280 <= mtu < 1500, mtu
    fits = bench.lab.ping('alice', INNER['bob', inner], '-M', 'do', '-s', mtu - HEADERS[inner])
    assert fits.returncode == 0, f'a packet of the size that was told must pass:\n{fits.stdout}'


@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
def test_a_big_packet_may_be_fragmented(bench, inner):
    moon, _ = bench.start(Tunnel('fragments', inner=(inner,)))
    moon.up()
    how = {4: 'dont', 6: 'want'}[inner]   # with IPv6 only alice may fragment, once she has learnt the size
    with bench.wire() as wire:
        if inner == 6:
            bench.lab.ping('alice', INNER['bob', 6], '-s', 4000, '-W', '0.2', count=1)
        ping = bench.lab.ping('alice', INNER['bob', inner], '-M', how, '-s', 4000, '-W', '2', count=3)   # bob learns it by the first
    assert ping.returncode == 0, ping.stdout
    wire.assert_only_encrypted()


@pytest.mark.parametrize('what', ['child', 'ike'])
@pytest.mark.parametrize('who', ['moon', 'sun'])
def test_traffic_goes_on_while_rekeying(bench, what, who):
    row = Tunnel('rekey', esp='aes128gcm16-x25519' if what == 'child' else 'aes128gcm16')
    moon, sun = bench.start(row)
    moon.up()
    ike, child = moon.the_ike(), moon.the_child()
    with bench.wire() as wire:
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        end = {'moon': moon, 'sun': sun}[who]
        (end.rekey_child if what == 'child' else end.rekey_ike)()
        lost = pings.lost()
    assert not lost, pings.output()
    assert_agreement(moon, sun, row)
    wire.assert_only_encrypted()
    if what == 'child':
        assert moon.the_child()['spi-in'] != child['spi-in']
    else:
        assert moon.the_ike()['initiator-spi'] != ike['initiator-spi']


def test_what_came_before_a_delete_is_delivered(bench):
    """ESP that waits in moon's socket with the Delete of its SA behind it, for moon was stopped."""
    moon, sun = bench.start(Tunnel('last-packets', both={'encap': True}))
    moon.up()
    bench.ping_both_ways()
    before = echo_requests(bench.lab['alice'])
    moon.process.popen.send_signal(signal.SIGSTOP)
    try:
        with bench.wire() as wire:
            bench.lab.ping('bob', INNER['alice', 4], '-W', '0.1', count=3)
            down = sun.host.start(BUILD / 'tern', '--vici', sun.socket, 'down', 'site', log=bench.lab.fresh_log('down'))
            bench.lab.helpers.append(down)
            wire.until(lambda: wire.ike('INFORMATIONAL', sender=OUTER['sun', 4]), 'the Delete')
    finally:
        moon.process.popen.send_signal(signal.SIGCONT)
    assert_gone(moon, sun)
    assert echo_requests(bench.lab['alice']) == before + 3


def echo_requests(host):
    """How many pings have come to a host."""
    names, values = re.findall(r'Icmp: (.*)', host.run('cat', '/proc/net/snmp').stdout)
    return int(dict(zip(names.split(), values.split()))['InEchos'])


def test_lost_messages_are_sent_again(bench):
    moon, sun = bench.start(Tunnel('loss', settings={'retransmit_timeout': 0.2, 'retransmit_base': 1.2, 'retransmit_tries': 15}))
    bench.lab['router'].run('nft', '-f', '-', input="""
        table inet loss {
            chain forward {
                type filter hook forward priority filter;
                udp dport { 500, 4500 } numgen inc mod 3 < 1 counter drop
            }
        }""")
    with bench.wire() as wire:
        moon.up()
    bench.lab['router'].run('nft', 'flush', 'ruleset')
    assert_agreement(moon, sun)
    assert len(wire.of('ike')) > 4, 'the first message of every exchange was lost'
    bench.ping_both_ways()
