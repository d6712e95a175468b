"""An exchange as a ladder of messages: their times and sizes from the capture, and what was in the encrypted ones
from the log of the daemon that sent them."""

import re
import struct

from .network import OUTER

PAYLOADS = {33: 'SA', 34: 'KE', 35: 'IDi', 36: 'IDr', 37: 'CERT', 38: 'CERTREQ', 39: 'AUTH', 40: 'No', 41: 'N', 42: 'D',
            43: 'V', 44: 'TSi', 45: 'TSr', 46: 'SK', 47: 'CP', 48: 'EAP', 53: 'SKF'}
NOTIFIES = {14: 'NO_PROPOSAL_CHOSEN', 17: 'INVALID_KE_PAYLOAD', 24: 'AUTHENTICATION_FAILED', 16388: 'NATD_S',
            16389: 'NATD_D', 16390: 'COOKIE', 16404: 'MULTIPLE_AUTH', 16406: 'REDIRECT_SUPPORTED',
            16418: 'CHILDLESS', 16430: 'FRAGMENTATION', 16431: 'SIGNATURE_HASH'}
NOTIFY = 41
WIDTH = 74


def payloads(ike):
    """The payloads of a message in the clear, or that there is one which is encrypted."""
    found, kind, body = [], ike.first_payload, ike.body
    while kind and len(body) >= 4:
        following, size = body[0], struct.unpack('>H', body[2:4])[0]
        name = PAYLOADS.get(kind, str(kind))
        if kind == NOTIFY and size >= 8:
            number = struct.unpack('>H', body[6:8])[0]
            name = f'N({NOTIFIES.get(number, number)})'
        found.append(name)
        if name in ('SK', 'SKF') or size < 4:
            break
        kind, body = following, body[size:]
    return ' '.join(found)


def content(daemon, ike):
    """What the sender's log says of the inside of an encrypted message."""
    which = 'response' if ike.response else 'request'
    found = re.findall(rf'{ike.exchange} {which} {ike.message_id} \[ (.*?) \]', daemon.output())
    return next((inside for inside in found if not re.match(r'(SKF|EF)\(', inside)), '')


def wrap(words, width):
    line = ''
    for word in words.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f'{line} {word}'.strip()
    if line:
        yield line


def ladder(wire, left, right):
    """The IKE messages that crossed, between the two daemons."""
    frames = wire.ike()
    lines = [f'{left.host.name:<{WIDTH // 2}}{right.host.name:>{WIDTH // 2}}']
    for frame in frames:
        ike, to_right = frame.ike, frame.source in (OUTER[left.host.name, 4], OUTER[left.host.name, 6])
        text = payloads(ike)
        if text.startswith('SK'):
            text += f' {{ {content(left if to_right else right, ike) or "encrypted"} }}'
        title = f'{ike.exchange} {"response" if ike.response else "request"} {ike.message_id}'
        when = f'{(frame.time - frames[0].time) * 1000:6.1f} ms  {frame.size:5} bytes'
        lines.append(f'│ {title:<{WIDTH - 4}} │ {when}')
        lines += [f'│   {line:<{WIDTH - 6}} │' for line in wrap(text, WIDTH - 6)]
        lines.append(('├' + '─' * (WIDTH - 3) + '▶│') if to_right else ('│◀' + '─' * (WIDTH - 3) + '┤'))
    return '\n'.join(lines)
