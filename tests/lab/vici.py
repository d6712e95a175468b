"""A small VICI client, to read the state of a daemon: ternd's or charon's."""

import socket
import struct

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, EVENT_UNKNOWN, EVENT = range(8)
SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END = range(1, 7)


class ViciError(Exception):
    """The daemon doesn't know the command, or refused it."""


def encode(message):
    out = b''
    for key, value in message.items():
        name = bytes([len(key)]) + key.encode()
        if isinstance(value, dict):
            out += bytes([SECTION_START]) + name + encode(value) + bytes([SECTION_END])
        elif isinstance(value, (list, tuple)):
            items = b''.join(bytes([LIST_ITEM]) + sized(item) for item in value)
            out += bytes([LIST_START]) + name + items + bytes([LIST_END])
        else:
            out += bytes([KEY_VALUE]) + name + sized(value)
    return out


def sized(value):
    value = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack('>H', len(value)) + value


def decode(data):
    """The message as dicts, lists and strings (bytes where it isn't text)."""
    at, stack = 0, [{}]

    def take(width):
        nonlocal at
        size = int.from_bytes(data[at:at + width], 'big')
        at += width + size
        assert at <= len(data), 'VICI message ends early'
        return data[at - size:at]

    items = None
    while at < len(data):
        kind, at = data[at], at + 1
        if kind == SECTION_START:
            section = {}
            stack[-1][take(1).decode()] = section
            stack.append(section)
        elif kind == SECTION_END:
            stack.pop()
        elif kind == KEY_VALUE:
            name = take(1).decode()
            stack[-1][name] = text(take(2))
        elif kind == LIST_START:
            items = stack[-1].setdefault(take(1).decode(), [])
        elif kind == LIST_ITEM:
            items.append(text(take(2)))
        elif kind != LIST_END:
            raise AssertionError(f'VICI element of type {kind}')
    assert len(stack) == 1, 'VICI message with an open section'
    return stack[0]


def text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


class Vici:
    """One connection to the control socket of a daemon."""

    def __init__(self, path, seconds=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, name, message=b''):
        packet = bytes([kind, len(name)]) + name.encode() + message
        self.socket.sendall(struct.pack('>I', len(packet)) + packet)

    def receive(self):
        """The next packet: its type, its name where it has one, and its message."""
        packet = self.exactly(struct.unpack('>I', self.exactly(4))[0])
        if packet[0] == EVENT:
            size = packet[1]
            return EVENT, packet[2:2 + size].decode(), decode(packet[2 + size:])
        return packet[0], '', decode(packet[1:])

    def exactly(self, size):
        data = b''
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ViciError('the daemon closed its control socket')
            data += more
        return data

    def request(self, command, **message):
        """Send a command and return its answer."""
        self.send(REQUEST, command, encode({key.replace('_', '-'): value for key, value in message.items()}))
        kind, _, answer = self.receive()
        while kind == EVENT:
            kind, _, answer = self.receive()
        if kind != RESPONSE:
            raise ViciError(f'command {command} is unknown')
        return answer

    def register(self, event):
        self.send(REGISTER, event)
        kind = self.receive()[0]
        if kind != CONFIRM:
            raise ViciError(f'event {event} is unknown')

    def stream(self, command, event, **message):
        """Send a command that lists: the messages of its events."""
        self.register(event)
        self.send(REQUEST, command, encode({key.replace('_', '-'): value for key, value in message.items()}))
        found = []
        while True:
            kind, _, answer = self.receive()
            if kind == RESPONSE:
                return found
            if kind != EVENT:
                raise ViciError(f'command {command} is unknown')
            found.append(answer)
