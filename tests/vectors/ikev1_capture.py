#!/usr/bin/python3
"""Captures IKEv1 between two strongSwans in namespaces, with the secrets and keys that one of them logs: known answers
for tests/unit/test_ikev1_vectors.c, since RFC 2409 has none. Run it as root; names of rows choose among them.

Each row of TABLE becomes ikev1_NAME.txt of lines `WORD HEX`:
  psk                              where there is one
  from-initiator, from-responder   the ISAKMP messages in their order, without UDP and non-ESP marker
  secret                           g^xy of phase 1
  skeyid, skeyid-d, skeyid-a, skeyid-e, key, iv, hash-i, hash-r
  and for each quick mode, in their order: with PFS quick-secret, then encr-i, encr-r, integ-i, integ-r (the keys of what
  the quick mode's initiator sends, and of what its responder sends; without integ for an AEAD)
The secrets and certificates are made for this, and nobody else's."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lab import Bench, Lab, Tunnel, wait_for   # noqa: E402
from lab.config import SECRET                  # noqa: E402
from lab.daemons import PLUGINS                # noqa: E402

V1 = {'version': 1, 'fragmentation': 'no', 'send_cert': 'always'}
AGGRESSIVE = {**V1, 'aggressive': 'yes'}
ALICE = {'/secrets.xauth-alice.id': 'alice', '/secrets.xauth-alice.secret': 'looking glass'}
XAUTH = {'moon': {'local-2.auth': 'xauth', 'local-2.xauth_id': 'alice', 'vips': '0.0.0.0',
                  'children.net.local_ts': 'dynamic', **ALICE},
         'sun': {'remote-2.auth': 'xauth', 'pools': 'site', '/pools.site.addrs': '10.3.0.0/24',
                 'children.net.remote_ts': 'dynamic', **ALICE}}
LOUD = {'filelog': {'stderr': {'flush_line': True, 'default': 1, 'ike': 4, 'chd': 4}},
        'load': PLUGINS + ' xauth-generic', 'i_dont_care_about_security_and_use_aggressive_mode_psk': 'yes'}


def row(name, ike, esp, both=V1, **more):
    return Tunnel(name, ike=ike, esp=esp, both=both, settings=LOUD, **more)


TABLE = [
    # SKEYID_e is long enough for the cipher, or too short; KEYMAT without and with PFS; every size of hash and block.
    row('main_psk', 'aes128-sha1-modp1536', 'aes128-sha1'),
    row('main_psk_3des', '3des-sha1-modp1024', 'aes256-sha512-modp2048'),
    row('main_psk_aes256_sha1', 'aes256-sha1-modp2048', 'aes256ctr-sha1-modp1536'),
    row('main_psk_sha384', 'aes192-sha384-ecp384', 'aes256gcm16-ecp256'),
    row('main_psk_sha512', 'aes256-sha512-ecp521', 'aes128ccm12'),
    row('aggressive_psk', 'aes256-sha256-modp2048', '3des-sha1', AGGRESSIVE),
    row('main_rsa', 'aes256-sha256-modp2048', 'aes128gcm16', auth='rsa'),
    row('aggressive_ecdsa', 'aes128-sha1-modp2048', 'aes128-sha256', AGGRESSIVE, auth='ecdsa'),
    row('main_ecdsa', 'aes128-sha256-ecp256', 'aes128gcm16', auth='ecdsa'),
    row('aggressive_xauth', 'aes128-sha1-modp1536', 'aes128-sha1', AGGRESSIVE, **XAUTH),
    row('main_ecdsa_sha1', 'aes128-sha1-modp2048', 'aes128-sha1', auth='ecdsa384'),
]

WORDS = {
    'shared Diffie Hellman secret': 'secret',
    'SKEYID': 'skeyid', 'SKEYID_d': 'skeyid-d', 'SKEYID_a': 'skeyid-a', 'SKEYID_e': 'skeyid-e',
    'encryption key Ka': 'key', 'initial IV': 'iv', 'HASH_I': 'hash-i', 'HASH_R': 'hash-r',
    'DH secret': 'quick-secret',
    'encryption initiator key': 'encr-i', 'encryption responder key': 'encr-r',
    'integrity initiator key': 'integ-i', 'integrity responder key': 'integ-r',
}


def logged(log):
    """What charon dumped under one of these names: (word, octets) in order. A dump is a line with a size, and then
    lines of up to 16 octets each."""
    word, left, octets = None, 0, b''
    for line in log.splitlines():
        head = re.match(r'\d+\[(?:IKE|CHD)\] (.+) => (\d+) bytes', line)
        dump = re.match(r'\d+\[(?:IKE|CHD)\] +\d+: ((?:[0-9A-F]{2} ){1,16})', line)
        if head:
            word, left, octets = WORDS.get(head[1]), int(head[2]), b''
        elif dump and word:
            octets += bytes.fromhex(dump[1])[:left - len(octets)]
            if len(octets) == left:
                yield word, octets
                word = None


def messages(frames, initiator):
    for frame in frames:
        octets = frame.payload[4:] if 4500 in (frame.source_port, frame.target_port) else frame.payload
        assert len(octets) == int.from_bytes(octets[24:28], 'big'), 'an IP fragment: this row is too large for a vector'
        yield 'from-initiator' if frame.source == initiator else 'from-responder', octets


def capture(lab, tunnel):
    """One phase 1 of moon's; quick modes of both ends; deletes."""
    bench = Bench(lab)
    moon, sun = bench.start(tunnel, 'charon', 'charon')
    with bench.wire() as wire:
        moon.up()
        moon.rekey_child()
        wait_for(lambda: len(re.findall('CHILD_SA net.* => INSTALLED', sun.output())) == 2, 'the rekeyed child')
        sun.rekey_child()
        wait_for(lambda: len(re.findall('CHILD_SA net.* => INSTALLED', moon.output())) == 3, 'the child that sun rekeyed')
        moon.end_ike()
    frames = wire.ike()
    lines = [('psk', SECRET.encode())] if tunnel.auth == 'psk' else []
    lines += messages(frames, frames[0].source)
    lines += logged(moon.output())
    bench.end()
    lab.reset()
    return ''.join(f'{word} {octets.hex()}\n' for word, octets in lines)


def main():
    wanted = sys.argv[1:]
    with Lab() as lab:
        for tunnel in TABLE:
            if not wanted or tunnel.name in wanted:
                text = capture(lab, tunnel)
                (HERE / f'ikev1_{tunnel.name}.txt').write_text(f'# {tunnel.ike} {tunnel.esp}\n{text}')
                print(tunnel.name, len(text.splitlines()), 'lines')


if __name__ == '__main__':
    main()
