"""IKEv1 between ternd (on moon) and strongSwan's charon (on sun): main mode with a pre-shared key, quick mode with and
without PFS, in both roles; rekeying, reauthentication, deletes and dead peer detection."""

import pytest

from lab import INNER, Tunnel, assert_agreement, assert_childless, assert_gone, wait_for

ENDS = ('tern', 'charon')
V1 = {'version': 1}
MORE_SELECTORS = {
    'moon': {'children.net.local_ts': ('10.1.0.0/24', '10.1.1.0/24'),
             'children.net.remote_ts': ('10.2.0.0/24', '10.2.1.0/24')},
    'sun': {'children.net.local_ts': ('10.2.0.0/24', '10.2.1.0/24'),
            'children.net.remote_ts': ('10.1.0.0/24', '10.1.1.0/24')},
}


def row(name, ike='aes128-sha256-modp2048', esp='aes128-sha256', **more):
    return Tunnel(name, ike=ike, esp=esp, both={**V1, **more.pop('both', {})}, **more)


PLAIN = row('psk')
PFS = row('pfs', esp='aes128-sha256-modp2048')
TUNNELS = [
    PLAIN,
    PFS,
    row('aes256-sha512-ecp521', ike='aes256-sha512-ecp521', esp='aes256-sha512-ecp521'),
    row('aes192-sha384-ecp384', ike='aes192-sha384-ecp384', esp='aes192-sha384'),
    row('3des-sha1-modp1024', ike='3des-sha1-modp1024', esp='3des-sha1'),
    row('x25519', ike='aes256-sha256-x25519', esp='aes128gcm16-x25519'),
    row('esp-aes256-gcm', esp='aes256gcm16'),
    row('address-identities', both={'/secrets.ike-site.id-1': None, '/secrets.ike-site.id-2': None},
        moon={'local.id': '172.16.1.1', 'remote.id': '172.16.2.1'},
        sun={'local.id': '172.16.2.1', 'remote.id': '172.16.1.1'}),
    row('ipv6', outer=6, inner=(6,)),
]


def established(bench, tunnel, first='tern'):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='charon')))
    ends[first].up()
    bench.ping_both_ways(*tunnel.inner)
    return ends


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    with bench.wire() as wire:
        ends = established(bench, tunnel, first)
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    assert all(end.the_ike()['version'] == '1' for end in ends.values())
    wire.assert_only_encrypted()
