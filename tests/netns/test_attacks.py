"""What is no good at a running daemon's ESP port: each datagram is dropped and counted by its reason, and the tunnel stays.

    alice -- moon ==(router: an attacker who sees what sun sends, and writes sun's address on what he sends)== sun -- bob
"""

import contextlib
import json
import socket
import struct

import pytest

from lab import INNER, OUTER, Tunnel, wait_for

PORT = 4500
HEADER, IV, ICV = 8, 8, 16    # of AES-GCM
WINDOW = 64


class Attacker:
    """On the path between the two, without keys."""

    def __init__(self, lab):
        with lab['router'].inside():
            self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.seen.setblocking(False)
        self.ends = socket.inet_aton(OUTER['sun', 4]), socket.inet_aton(OUTER['moon', 4])

    def close(self):
        self.out.close()
        self.seen.close()

    def overheard(self):
        """The ESP packets from sun to moon since the last call, as they came to the router."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (_, _, direction, *_) = self.seen.recvfrom(65536)
                if direction != socket.PACKET_OUTGOING and frame[9] == socket.IPPROTO_UDP and (frame[12:16], frame[16:20]) == self.ends:
                    esp = frame[(frame[0] & 15) * 4 + 8:]
                    if len(esp) > HEADER and esp[:4] != bytes(4):
                        packets.append(esp)
        return packets

    def send(self, payload):
        """A UDP datagram to moon as if sun had sent it: its checksum may be 0 (RFC 768)."""
        udp = struct.pack('>HHHH', PORT, PORT, 8 + len(payload), 0) + payload
        header = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, *self.ends)
        self.out.sendto(header + udp, (OUTER['moon', 4], 0))


@pytest.fixture
def attacked(bench):
    """The two daemons with a tunnel in UDP, and the attacker."""
    moon, sun = bench.start(Tunnel('attacked', esp='aes128gcm16', both={'encap': True, 'children.net.replay_window': WINDOW}))
    moon.up()
    attacker = Attacker(bench.lab)
    yield moon, sun, attacker
    attacker.close()


def counters(daemon):
    return {f'{section}.{name}': int(value) for section, values in json.loads(daemon.tern('status', '--counters', '--json').stdout).items()
            for name, value in values.items()}


def flipped(packet, at):
    """A bit flipped in one that the window would take."""
    changed = bytearray(fresh(packet))
    changed[at] ^= 0x10
    return bytes(changed)


def fresh(packet):
    """With a sequence number that is yet to come; that the ICV covers."""
    return packet[:4] + struct.pack('>I', struct.unpack('>I', packet[4:8])[0] + 1000) + packet[8:]


SHORTEST = HEADER + IV + 2 + ICV
NO_KEEPALIVE = bytes([0x3a])

# What is sent for a packet of sun's, and which counters say so how often.
CASES = {
    'replayed': (lambda packet: [packet] * 3, {'data-plane.replay': 3}),
    'bits of the SPI': (lambda packet: [flipped(packet, at) for at in range(4)], {'data-plane.no-sa': 4}),
    'the sequence number': (lambda packet: [fresh(packet)], {'data-plane.integrity': 1}),
    'bits of the IV': (lambda packet: [flipped(packet, HEADER + at) for at in range(IV)], {'data-plane.integrity': IV}),
    'bits of the payload': (lambda packet: [flipped(packet, at) for at in range(HEADER + IV, len(packet) - ICV)],
                            {'data-plane.integrity': lambda packet: len(packet) - ICV - HEADER - IV}),
    'bits of the ICV': (lambda packet: [flipped(packet, len(packet) - 1 - at) for at in range(ICV)], {'data-plane.integrity': ICV}),
    'an octet more': (lambda packet: [fresh(packet) + b'\0'], {'data-plane.integrity': 1}),
    'an octet less': (lambda packet: [fresh(packet)[:-1]], {'data-plane.integrity': 1}),
    'every short length': (lambda packet: [NO_KEEPALIVE[:1] if size == 1 else fresh(packet)[:size] for size in range(41)],
                           {'sockets.receive-too-short': HEADER, 'data-plane.malformed': SHORTEST - HEADER,
                            'data-plane.integrity': 41 - SHORTEST}),
    'nonsense of every size': (lambda packet: [b'\xa5' * size for size in range(64, 1400, 64)], {'data-plane.no-sa': 21}),
    'nonsense that calls itself IKE': (lambda packet: [bytes(4) + b'\xa5' * size for size in range(0, 1400, 64)], {'ike.dropped': 22}),
    'the marker alone, cut': (lambda packet: [bytes(size) for size in range(4)], {'sockets.receive-too-short': 4}),
    'keepalives': (lambda packet: [b'\xff'] * 5, {'sockets.receive-too-short': 0, 'data-plane.malformed': 0}),
}


@pytest.mark.parametrize('name', CASES, ids=lambda name: name.replace(' ', '-'))
def test_it_is_dropped_and_counted(bench, attacked, name):
    moon, _, attacker = attacked
    make, wanted = CASES[name]
    attacker.overheard()
    bench.ping_both_ways()
    packet = attacker.overheard()[-1]
    wanted = {counter: count(packet) if callable(count) else count for counter, count in wanted.items()}
    before = counters(moon)
    for datagram in make(packet):
        attacker.send(datagram)

    def counted():
        now = counters(moon)
        return {counter: now[counter] - before[counter] for counter in wanted}
    wait_for(lambda: all(counted()[counter] >= count for counter, count in wanted.items()), f'{wanted}')
    bench.ping_both_ways()
    # IKE drops what comes late, too: a second response to what it sent twice.
    assert all(count == wanted[counter] or (counter == 'ike.dropped' and count > wanted[counter]) for counter, count in counted().items()), counted()


def held_back(bench, attacker, count):
    """Packets of sun's that moon doesn't get: pings that stay without an answer, but for the first."""
    router = bench.lab['router']
    router.run('nft', 'add', 'table', 'ip', 'hold')
    router.run('nft', 'add', 'chain', 'ip', 'hold', 'forward', '{ type filter hook forward priority 0; }')
    router.run('nft', 'add', 'rule', 'ip', 'hold', 'forward', 'ip', 'saddr', OUTER['sun', 4], 'udp', 'dport', PORT, 'drop')
    attacker.overheard()
    bench.lab.ping('bob', INNER['alice', 4], '-W', '0.1', count=count)
    router.run('nft', 'delete', 'table', 'ip', 'hold')
    packets = attacker.overheard()
    assert len(packets) >= count, len(packets)
    return packets


def received(daemon):
    return int(daemon.the_child()['packets-in'])


def test_what_comes_in_another_order_within_the_window_is_taken(bench, attacked):
    moon, _, attacker = attacked
    packets = held_back(bench, attacker, WINDOW // 4)
    before, dropped = received(moon), counters(moon)['data-plane.replay']
    for packet in reversed(packets):
        attacker.send(packet)
    wait_for(lambda: received(moon) == before + len(packets), 'all to be taken')
    assert counters(moon)['data-plane.replay'] == dropped
    for packet in packets:
        attacker.send(packet)
    wait_for(lambda: counters(moon)['data-plane.replay'] == dropped + len(packets), 'none to be taken twice')
    assert received(moon) == before + len(packets)
    bench.ping_both_ways()


def test_what_is_left_of_the_window_is_dropped(bench, attacked):
    moon, _, attacker = attacked
    packets = held_back(bench, attacker, 3)
    pings = bench.lab.ping('bob', INNER['alice', 4], '-w', '30', count=2 * WINDOW)
    assert pings.returncode == 0, pings.stdout
    before, dropped = received(moon), counters(moon)['data-plane.replay']
    for packet in packets:
        attacker.send(packet)
    wait_for(lambda: counters(moon)['data-plane.replay'] == dropped + len(packets), 'all to be dropped')
    assert received(moon) == before
    bench.ping_both_ways()
