"""Packets that cross the TUN device and the UDP socket dozens at once: what arrives is what was sent, octet for octet and
datagram for datagram, and it did go that way."""

import json

import pytest

from lab import INNER, Tunnel, assert_agreement
from lab.network import wait_for

PORT = 4711
TCP_OCTETS = 15_000_000

# A stream drawn from a number, written in pieces of every size; whoever reads it says its hash.
TCP_RECEIVER = """
import hashlib, socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
print('listening', flush=True)
peer, _ = server.accept()
digest = hashlib.sha256()
while data := peer.recv(1 << 20):
    digest.update(data)
print('read', digest.hexdigest(), flush=True)
"""
TCP_SENDER = """
import hashlib, random, socket, sys
draw = random.Random(int(sys.argv[4]))
data = draw.randbytes(int(sys.argv[3]))
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
at = 0
while at < len(data):
    size = draw.choice((1, 700, 1399, 20_000, 300_000))
    peer.sendall(data[at:at + size])
    at += size
peer.shutdown(socket.SHUT_WR)
print('sent', hashlib.sha256(data).hexdigest(), flush=True)
"""
# Datagrams that carry their number, as many as make a packet, cut by the kernel or by whoever takes that off it.
UDP_RECEIVER = """
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)   # SO_RCVBUFFORCE
s.bind((sys.argv[1], int(sys.argv[2])))
print('listening', flush=True)
sizes = {}
while len(sizes) < int(sys.argv[3]):   # a busy machine may let one overtake another
    data, _ = s.recvfrom(65536)
    i = int.from_bytes(data[:4])
    assert i not in sizes, f'{i} came twice'
    assert data[4:] == bytes((i + n) & 255 for n in range(len(data) - 4)), f'{i} is damaged'
    sizes[i] = len(data)
print(*(size for _, size in sorted(sizes.items())), flush=True)
"""
UDP_SENDER = """
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
size, each, packets = map(int, sys.argv[3:6])
s.setsockopt(socket.IPPROTO_UDP, 103, size)   # UDP_SEGMENT
for first in range(0, each * packets, each):
    data = b''.join(i.to_bytes(4) + bytes((i + n) & 255 for n in range(size - 4)) for i in range(first, first + each))
    s.sendto(data[:-10], (sys.argv[1], int(sys.argv[2])))
"""


def crossings(host, way):
    """How often a host's TUN device was crossed: `tx` is what ternd read, `rx` what it wrote."""
    return json.loads(host.run('ip', '-s', '-j', 'link', 'show', 'tern0').stdout)[0]['stats64'][way]['packets']


def receiver(bench, host, program, *words):
    process = bench.lab[host].start('/usr/bin/python3', '-c', program, *words, log=bench.lab.fresh_log(f'receiver-{host}'))
    bench.lab.helpers.append(process)
    wait_for(lambda: 'listening' in process.output(), 'the receiver to listen')
    return process


def sender(bench, host, program, *words):
    process = bench.lab[host].start('/usr/bin/python3', '-c', program, *words, log=bench.lab.fresh_log(f'sender-{host}'))
    bench.lab.helpers.append(process)
    return process


@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
@pytest.mark.parametrize('encap', [True, False], ids=['udp', 'esp'])
def test_tcp_arrives_as_it_was_sent(bench, encap, outer, inner):
    """Both directions at once, so that data and acknowledgements of two streams mix."""
    moon, sun = bench.start(Tunnel('stream', inner=(inner,), outer=outer, both={'encap': encap}))
    moon.up()
    ends = {'alice': 'bob', 'bob': 'alice'}
    receivers = {name: receiver(bench, name, TCP_RECEIVER, INNER[name, inner], PORT) for name in ends}
    senders = {name: sender(bench, name, TCP_SENDER, INNER[peer, inner], PORT, TCP_OCTETS, f'{number}')
               for number, (name, peer) in enumerate(ends.items())}
    for name, peer in ends.items():
        for process in (senders[name], receivers[peer]):
            wait_for(lambda: not process.running(), f'the end of the stream of {name}', 90)
        assert receivers[peer].output().split()[-1] == senders[name].output().split()[-1], 'what arrived is something else'
    packets = TCP_OCTETS // 1400   # at least, of data; Linux gives two and more of them as one
    for daemon in (moon, sun):
        child = daemon.the_child()
        assert int(child['packets-out']) > packets, 'each segment is a packet'
        assert int(child['packets-out']) - crossings(daemon.host, 'tx') > packets / 4, 'the device gave one packet at a time'
        if encap:
            assert int(child['packets-in']) - crossings(daemon.host, 'rx') > packets / 4, 'the device got one packet at a time'
    assert_agreement(moon, sun)


@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
@pytest.mark.parametrize('encap', [True, False], ids=['udp', 'esp'])
def test_datagrams_arrive_as_they_were_sent(bench, encap, inner):
    moon, sun = bench.start(Tunnel('datagrams', inner=(inner,), both={'encap': encap}))
    moon.up()
    bench.ping_both_ways(inner)
    size, each, packets = 1200, 20, 12
    got = receiver(bench, 'bob', UDP_RECEIVER, INNER['bob', inner], PORT, each * packets)
    sender(bench, 'alice', UDP_SENDER, INNER['bob', inner], PORT, size, each, packets)
    wait_for(lambda: not got.running(), 'all datagrams')
    sizes = [int(word) for word in got.output().split()[1:]]
    assert sizes == ([size] * (each - 1) + [size - 10]) * packets, got.output()


def test_datagrams_too_long_for_the_wire_are_sent_apart(bench):
    """A link of moon's own that is narrower than what ESP makes of full packets: nothing can leave as one that is cut."""
    moon, sun = bench.start(Tunnel('narrow', both={'encap': True}))
    moon.up()
    moon.host.run('ip', 'link', 'set', 'wan', 'mtu', '1400')
    try:
        bench.lab.transfer(3_000_000)
        bench.lab.transfer(3_000_000, source='bob', target='alice')
    finally:
        moon.host.run('ip', 'link', 'set', 'wan', 'mtu', '1500')
    assert_agreement(moon, sun)
