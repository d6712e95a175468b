"""What crossed the router: a capture of every frame that the hosts sent it, decoded as far as the tests need."""

import dataclasses
import ipaddress
import itertools
import re
import socket
import struct

from .network import LabError, OUTER, wait_for

LINUX_SLL2, SLL2_BYTES = 276, 20
ICMP, TCP, UDP, ESP, ICMPV6 = 1, 6, 17, 50, 58
ICMP_ERRORS = {ICMP: (3, 11, 12), ICMPV6: (1, 2, 3, 4)}
NEIGHBOURS = (130, 131, 132, 133, 134, 135, 136, 137, 143)
MARK_PORT = 9

EXCHANGES = {34: 'IKE_SA_INIT', 35: 'IKE_AUTH', 36: 'CREATE_CHILD_SA', 37: 'INFORMATIONAL', 38: 'IKE_SESSION_RESUME'}
SK, SKF = 46, 53
SUN = [ipaddress.ip_network(text) for text in ('10.2.0.0/16', 'fd00:10:2::/48', '172.16.2.0/24', 'fd00:2::/64', '172.16.4.0/24',
                                               'fd00:4::/64')]


@dataclasses.dataclass
class Ike:
    """The header of an IKE message."""
    exchange: str
    response: bool
    message_id: int
    first_payload: int
    spi_i: str
    spi_r: str
    body: bytes

    @property
    def fragment(self):
        return self.first_payload == SKF


@dataclasses.dataclass
class Frame:
    """One frame. Its kind: ike, esp, keepalive, icmp-error, neighbour, mark, or plain for what should not be there."""
    time: float
    kind: str = 'neighbour'
    source: str = ''
    target: str = ''
    protocol: int = 0
    source_port: int = 0
    target_port: int = 0
    fragment: bool = False
    size: int = 0
    ike: Ike = None
    payload: bytes = b''

    @property
    def site(self):
        """The site that it came from."""
        source = ipaddress.ip_address(self.source)
        return 'sun' if any(source.version == network.version and source in network for network in SUN) else 'moon'

    def __str__(self):
        icmp = ''
        if self.protocol in ICMP_ERRORS and len(self.payload) >= 8:
            icmp = f' type {self.payload[0]} sequence {int.from_bytes(self.payload[6:8])}'
        return (f'{self.time:.6f} {self.kind} {self.source}:{self.source_port} -> {self.target}:{self.target_port} '
                f'protocol {self.protocol}{icmp}{" fragment" if self.fragment else ""} {self.size} bytes')


def decode_frame(when, data):
    family = struct.unpack('>H', data[:2])[0]
    packet = data[SLL2_BYTES:]
    if family == 0x0800:
        return decode_ip(when, packet, *ipv4(packet))
    if family == 0x86dd:
        return decode_ip(when, packet, *ipv6(packet))
    return Frame(when)


def ipv4(packet):
    header = (packet[0] & 15) * 4
    size, fragment = struct.unpack('>H2xH', packet[2:8])
    offset = fragment & 0x1fff
    return packet[9], packet[12:16], packet[16:20], packet[header:size], bool(fragment & 0x3fff), offset == 0, size


def ipv6(packet):
    size, protocol = struct.unpack('>HB', packet[4:7])
    body, fragment, first = packet[40:40 + size], False, True
    while protocol in (0, 43, 44, 60) and len(body) >= 8:
        if protocol == 44:
            fragment, first = True, struct.unpack('>H', body[2:4])[0] >> 3 == 0
            protocol, body = body[0], body[8:]
        else:
            protocol, body = body[0], body[8 + body[1] * 8:]
    return protocol, packet[8:24], packet[24:40], body, fragment, first, size + 40


def decode_ip(when, packet, protocol, source, target, body, fragment, first, size):
    frame = Frame(when, 'plain', str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target)),
                  protocol, fragment=fragment, size=size, payload=body)
    if not first:
        frame.kind = 'esp' if protocol in (ESP, UDP) else 'plain'
    elif protocol == ESP:
        frame.kind = 'esp'
    elif protocol == UDP:
        decode_udp(frame, body)
    elif protocol in ICMP_ERRORS and body and body[0] in ICMP_ERRORS[protocol]:
        frame.kind = 'icmp-error'
    elif protocol == 2 or protocol == ICMPV6 and body and body[0] in NEIGHBOURS:
        frame.kind = 'neighbour'
    return frame


def decode_udp(frame, body):
    frame.source_port, frame.target_port = struct.unpack('>HH', body[:4])
    ports, data = (frame.source_port, frame.target_port), body[8:]
    frame.payload = data
    if frame.target_port == MARK_PORT:
        frame.kind = 'mark'
    elif 4500 in ports and len(data) == 1:
        frame.kind = 'keepalive'
    elif 4500 in ports and data[:4] != bytes(4):
        frame.kind = 'esp'
    elif 4500 in ports or 500 in ports:
        frame.kind = 'ike'
        frame.ike = decode_ike(data[4:] if 4500 in ports else data)


def decode_ike(data):
    if len(data) < 28:
        return None
    spi_i, spi_r, payload, _, exchange, flags, message_id, _ = struct.unpack('>8s8sBBBBII', data[:28])
    return Ike(EXCHANGES.get(exchange, str(exchange)), bool(flags & 0x20), message_id, payload,
               spi_i.hex(), spi_r.hex(), data[28:])


def read_pcap(data):
    """The complete records of a capture file: (time, bytes) each."""
    if len(data) < 24:
        return
    if struct.unpack('<I', data[20:24])[0] & 0xffff != LINUX_SLL2:
        raise LabError('the capture is not of link type LINUX_SLL2')
    at = 24
    while at + 16 <= len(data):
        seconds, micros, size = struct.unpack('<III', data[at:at + 12])
        if at + 16 + size > len(data):
            return
        yield seconds + micros / 1e6, data[at + 16:at + 16 + size]
        at += 16 + size


class Capture:
    """A tcpdump on the router that runs as long as the lab does; Wire cuts pieces out of it."""

    def __init__(self, lab, name='router', snap=1600):
        self.lab, self.marks = lab, itertools.count(1)
        self.path, log = lab.directory / f'{name}.pcap', lab.directory / f'{name}.log'
        self.process = lab['router'].start('tcpdump', '-i', 'any', '-Q', 'in', '-n', '-U', '-s', snap, '-B', 16384,
                                           '--immediate-mode', '-Z', 'root', '-w', self.path, log=log)
        wait_for(lambda: 'listening on' in self.process.output(), 'tcpdump to start')
        self.at, self.frames = 0, []

    def end(self):
        """Stop, and return how many packets the kernel could not keep for us."""
        self.process.end()
        lost = re.search(r'(\d+) packets? dropped by kernel', self.process.output())
        return int(lost[1]) if lost else 0

    def mark(self):
        """Send a marker through the capture and wait for it: what came before is then in the file."""
        number = next(self.marks)
        with open(self.path, 'rb') as file:
            with self.lab['moon'].inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
                marker.sendto(f'mark-{number}'.encode(), (OUTER['router', 4], MARK_PORT))
            wait_for(lambda: self.read(file, number), f'marker {number} in the capture')
        return len(self.frames)

    def read(self, file, number):
        file.seek(self.at)
        data = file.read()
        if not self.at:
            header, self.header, self.at = data[:24], data[:24], 24
            if len(header) < 24:
                self.at = 0
                return False
            data = data[24:]
        seen = False
        for when, record in read_pcap(self.header + data):
            frame = decode_frame(when, record)
            self.frames.append(frame)
            self.at += 16 + len(record)
            seen = seen or frame.kind == 'mark' and frame.payload == f'mark-{number}'.encode()
        return seen


class Wire:
    """The frames that crossed the router while the `with` block ran. `daemons` are the list of those at work."""

    def __init__(self, capture, daemons=()):
        self.capture, self.frames, self.daemons = capture, [], daemons

    def __enter__(self):
        self.first = self.capture.mark()
        return self

    def __exit__(self, *_):
        self.look()

    def look(self):
        self.frames = self.capture.frames[self.first:self.capture.mark()]

    def until(self, condition, what):
        """Within the `with` block: wait until the frames so far fulfil a condition."""
        def fulfilled():
            self.look()
            return condition()
        return wait_for(fulfilled, what)

    def of(self, kind):
        return [frame for frame in self.frames if frame.kind == kind]

    def ike(self, exchange=None, response=None, sender=None):
        """The IKE messages, each once: a slow machine makes either end send one again, octet for octet (RFC 7296 §2.1)."""
        found = {}
        for frame in self.of('ike'):
            if (frame.ike and exchange in (None, frame.ike.exchange) and response in (None, frame.ike.response)
                    and sender in (None, frame.source)):
                found.setdefault((frame.source, frame.target, frame.payload), frame)
        return list(found.values())

    def plain(self):
        """What crossed in the clear. Where ternd's peer is charon, what that one's site sent is not ours: its kernel-libipsec
        takes its route away for a moment now and then."""
        ours = {daemon.host.name for daemon in self.daemons if daemon.kind == 'tern'} or {'moon', 'sun'}
        return [frame for frame in self.of('plain') if frame.site in ours]

    def assert_only_encrypted(self, protocol=None):
        """Nothing but IKE and ESP crossed, and ESP did; as this IP protocol, when one is given."""
        plain = self.plain()
        assert not plain, 'plaintext crossed the router:\n' + '\n'.join(map(str, plain[:10]))
        esp = self.of('esp')
        assert esp, 'no ESP crossed the router'
        if protocol:
            wrong = [frame for frame in esp if frame.protocol != protocol]
            assert not wrong, f'expected ESP as IP protocol {protocol}:\n' + '\n'.join(map(str, wrong[:10]))

    def assert_no_fragments(self):
        fragments = [frame for frame in self.frames if frame.fragment]
        assert not fragments, 'IP fragments crossed the router:\n' + '\n'.join(map(str, fragments[:10]))
