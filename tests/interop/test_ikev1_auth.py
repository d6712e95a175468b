"""How ternd (on moon) and charon (on sun) authenticate in IKEv1: main and aggressive mode, with pre-shared keys and with
signatures by RSA and ECDSA certificates, in both roles; long chains in fragments."""

import pytest

from lab import Tunnel, assert_agreement

ENDS = ('tern', 'charon')
MODES = ('main', 'aggressive')
IKE = 'aes128-sha256-x25519'
# charon answers aggressive mode with a pre-shared key only where it is told not to care.
SETTINGS = {'i_dont_care_about_security_and_use_aggressive_mode_psk': True}


def row(name, mode='main', ike=IKE, both=None, **more):
    return Tunnel(f'{name}-{mode}', ike=ike, esp='aes128-sha256',
                  both={'version': 1, 'aggressive': mode == 'aggressive', **(both or {})},
                  sun_settings=SETTINGS, **more)


TUNNELS = [
    row('psk', 'aggressive'),
    *(row(auth, mode, auth=auth) for auth in ('rsa', 'ecdsa') for mode in MODES),
    row('ecdsa384', auth='ecdsa384', ike='aes256-sha384-ecp384'),
    row('ecdsa521', auth='ecdsa521', ike='aes256-sha512-ecp521'),
    row('rsa-sha1', auth='rsa', ike='3des-sha1-modp1024'),
    row('ecdsa-sha1', auth='ecdsa', ike='aes128-sha1-modp2048'),
    row('rsa-distinguished-names', auth='rsa', moon={'local.id': None, 'remote.id': 'C=CH, O=tern, CN=sun.tern.test'},
        sun={'local.id': 'C=CH, O=tern, CN=sun.tern.test', 'remote.id': 'C=CH, O=tern, CN=moon.tern.test'}),
    row('rsa-by-identity', auth='rsa', moon={'local.certs': None}),
]


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='charon')))
    with bench.wire() as wire:
        ends[first].up()
        bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    assert all(end.the_ike()['version'] == '1' for end in ends.values())
    wire.assert_only_encrypted()


CHAINS = [row('chain', mode, auth='chain', both={'fragmentation': True}) for mode in MODES]


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', CHAINS, ids=str)
def test_a_long_chain_goes_in_fragments(bench, tunnel, first):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='charon')))
    with bench.wire() as wire:
        ends[first].up()
        bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    pieces = [frame for frame in wire.frames if frame.ike and frame.ike.first_payload == 132]
    assert {frame.source for frame in pieces} == {'172.16.1.1', '172.16.2.1'}, 'expected fragments of both ends'
    assert not any(frame.fragment for frame in wire.frames), 'expected no IP fragments'
    assert 'octets together from' in ends['tern'].output()
