"""ternd and strongSwan set up a tunnel and packets cross it: ternd on moon, charon on sun, each begins once.

What every row asserts: pings cross between the sites in both directions, both ends list the same SPIs and the
algorithms that the row asks for, and the router saw nothing but IKE and ESP."""

import pytest

from lab import NETWORKS, OUTER, Tunnel, assert_agreement

SHA2 = 'aes128-sha256-x25519'
MORE_SELECTORS = {
    'moon': {'children.net.local_ts': ('10.1.0.0/24', '10.1.1.0/24'),
             'children.net.remote_ts': ('10.2.0.0/24', '10.2.1.0/24')},
    'sun': {'children.net.local_ts': ('10.2.0.0/24', '10.2.1.0/24'),
            'children.net.remote_ts': ('10.1.0.0/24', '10.1.1.0/24')},
}
EMAIL = {'moon': {'local.id': 'moon@tern.test', 'remote.id': 'sun@tern.test'},
         'sun': {'local.id': 'sun@tern.test', 'remote.id': 'moon@tern.test'}}
ADDRESS = {'moon': {'local.id': '172.16.1.1', 'remote.id': '172.16.2.1'},
           'sun': {'local.id': '172.16.2.1', 'remote.id': '172.16.1.1'}}
NAMES = {'moon': {'local.id': 'C=CH, O=tern, CN=moon.tern.test', 'remote.id': 'C=CH, O=tern, CN=sun.tern.test'},
         'sun': {'local.id': 'C=CH, O=tern, CN=sun.tern.test', 'remote.id': 'C=CH, O=tern, CN=moon.tern.test'}}
ANY_SECRET = {'/secrets.ike-site.id-1': None, '/secrets.ike-site.id-2': None}

TUNNELS = [
    #      name                        what differs from PSK, AES-GCM, x25519, IPv4 outside and inside
    Tunnel('psk'),
    Tunnel('psk-email-identities', both=ANY_SECRET, **EMAIL),
    Tunnel('psk-address-identities', both=ANY_SECRET, **ADDRESS),

    Tunnel('rsa', auth='rsa'),
    Tunnel('ecdsa', auth='ecdsa'),
    Tunnel('ecdsa-p384', auth='ecdsa384'),
    Tunnel('ed25519', auth='ed25519'),
    Tunnel('rsa-pss', auth='rsa', settings={'rsa_pss': True}),
    Tunnel('rsa-without-rfc7427', auth='rsa', sun_settings={'signature_authentication': False}),
    Tunnel('ecdsa-without-rfc7427', auth='ecdsa', sun_settings={'signature_authentication': False}),
    Tunnel('names-of-certificates-as-identities', auth='ecdsa', **NAMES),
    Tunnel('raw-rsa-keys', auth='raw-rsa'),
    Tunnel('raw-ecdsa-keys', auth='raw-ecdsa'),
    Tunnel('raw-ed25519-keys', auth='raw-ed25519'),

    Tunnel('esp-aes256-gcm', ike='aes256gcm16-prfsha384-ecp384', esp='aes256gcm16'),
    Tunnel('esp-aes-cbc-sha1', ike='aes128-sha1-modp2048', esp='aes128-sha1'),
    Tunnel('esp-aes-cbc-sha256', ike=SHA2, esp='aes128-sha256'),
    Tunnel('esp-aes-cbc-sha384', ike='aes192-sha384-x25519', esp='aes192-sha384'),
    Tunnel('esp-aes-cbc-sha512', ike='aes256-sha512-x25519', esp='aes256-sha512'),
    Tunnel('esp-chacha20-poly1305', ike='chacha20poly1305-prfsha256-x25519', esp='chacha20poly1305'),
    Tunnel('esp-aes-ccm', ike='aes128ccm16-prfsha256-x25519', esp='aes128ccm16'),
    Tunnel('ike-aes-ctr-aesxcbc', ike='aes128ctr-aesxcbc-x25519', esp='aes128gcm16'),
    Tunnel('ike-aes-cbc-aescmac', ike='aes128-aescmac-x25519', esp='aes128gcm16'),

    Tunnel('group-ecp256', ike='aes128gcm16-prfsha256-ecp256'),
    Tunnel('group-ecp384', ike='aes128gcm16-prfsha256-ecp384'),
    Tunnel('group-modp2048', ike='aes128gcm16-prfsha256-modp2048'),
    Tunnel('group-modp3072', ike='aes128gcm16-prfsha256-modp3072'),

    Tunnel('ipv6-outside', outer=6),
    Tunnel('ipv6-inside', inner=(6,)),
    Tunnel('ipv6-both', outer=6, inner=(6,)),
    Tunnel('ipv4-and-ipv6-inside', inner=(4, 6)),
    Tunnel('several-selectors', **MORE_SELECTORS),
]


@pytest.mark.parametrize('first', ['tern', 'charon'])
@pytest.mark.parametrize('tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    tern, charon = bench.start(tunnel, moon='tern', sun='charon')
    with bench.wire() as wire:
        (tern if first == 'tern' else charon).up()
        bench.ping_both_ways(*tunnel.inner)
    assert_agreement(tern, charon, tunnel)
    wire.assert_only_encrypted()


@pytest.mark.parametrize('first', ['tern', 'charon'])
def test_every_selector_carries_packets(bench, first):
    row = next(row for row in TUNNELS if row.name == 'several-selectors')
    daemons = dict(zip(('tern', 'charon'), bench.start(row, moon='tern', sun='charon')))
    with bench.wire() as wire:
        daemons[first].up()
        for source, target in (('10.1.0.10', '10.2.1.10'), ('10.1.1.10', '10.2.0.10'), ('10.1.1.10', '10.2.1.10')):
            there = bench.lab.ping('alice', target, '-I', source)
            assert there.returncode == 0, there.stdout
            back = bench.lab.ping('bob', source, '-I', target)
            assert back.returncode == 0, back.stdout
    wire.assert_only_encrypted()


@pytest.mark.parametrize('first', ['tern', 'charon'])
def test_a_wider_offer_is_narrowed(bench, first):
    side, end = ('moon', 'remote') if first == 'tern' else ('sun', 'local')
    row = Tunnel('narrowed', **{side: {f'children.net.{end}_ts': '10.2.0.0/16'}})
    tern, charon = bench.start(row, moon='tern', sun='charon')
    (tern if first == 'tern' else charon).up()
    bench.ping_both_ways()
    assert_agreement(tern, charon, row)
    assert charon.the_child()['local-ts'] == [NETWORKS['sun', 4]]


@pytest.mark.parametrize('first', ['tern', 'charon'])
def test_the_responder_asks_for_another_group(bench, first):
    both = 'aes128gcm16-prfsha256-x25519-modp2048'
    only = 'aes128gcm16-prfsha256-modp2048'
    row = Tunnel('invalid-ke', moon={'proposals': both if first == 'tern' else only},
                 sun={'proposals': only if first == 'tern' else both})
    tern, charon = bench.start(row, moon='tern', sun='charon')
    with bench.wire() as wire:
        (tern if first == 'tern' else charon).up()
        bench.ping_both_ways()
    assert_agreement(tern, charon)
    assert tern.the_ike()['dh-group'] == 'MODP_2048'
    assert len(wire.ike('IKE_SA_INIT')) == 4, 'expected one INVALID_KE_PAYLOAD and a second attempt'


@pytest.mark.parametrize('first', ['tern', 'charon'])
def test_the_responder_asks_for_a_cookie(bench, first):
    side = {'tern': 'sun', 'charon': 'moon'}[first]
    row = Tunnel('cookie', **{side: {'remote_addrs': '%any'},
                              f'{side}_settings': {'cookie_threshold': 1, 'cookie_threshold_ip': 1}})
    tern, charon = bench.start(row, moon='tern', sun='charon')
    initiator = tern if first == 'tern' else charon
    leave_half_open(bench, initiator, OUTER[side, 4])
    with bench.wire() as wire:
        initiator.up()
        bench.ping_both_ways()
    assert len(tern.established()) == len(charon.established()) == 1
    ours = [frame for frame in wire.ike('IKE_SA_INIT')
            if {frame.source, frame.target} == {OUTER['moon', 4], OUTER['sun', 4]}]
    assert len(ours) == 4, f'expected one COOKIE and a second attempt: {ours}'


def leave_half_open(bench, initiator, responder):
    """Send the responder old requests with new SPIs from the router, as one does who floods it."""
    with bench.wire() as wire:
        initiator.up()
    initiator.end_ike()
    request = wire.ike('IKE_SA_INIT', response=False)[0].payload
    for number in range(1, 4):
        bench.lab.send('router', responder, 500, bytes([number]) * 8 + request[8:])


@pytest.mark.parametrize('hidden', ['tern', 'charon'])
@pytest.mark.parametrize('outer', [4, 6], ids=['ipv4', 'ipv6'])
def test_nat_between(bench, hidden, outer):
    site = 'moon' if hidden == 'tern' else 'sun'
    other = 'sun' if hidden == 'tern' else 'moon'
    row = Tunnel('nat', outer=outer, **{other: {'remote_addrs': '%any'}})
    bench.lab.hide(site)
    tern, charon = bench.start(row, moon='tern', sun='charon')
    with bench.wire() as wire:
        (tern if hidden == 'tern' else charon).up()
        bench.ping_both_ways()
    assert_agreement(tern, charon, row)
    wire.assert_only_encrypted(protocol=17)
    assert {frame.target_port for frame in wire.ike('IKE_AUTH', response=False)} == {4500}


@pytest.mark.parametrize('first', ['tern', 'charon'])
@pytest.mark.parametrize('outer', [4, 6], ids=['ipv4', 'ipv6'])
def test_long_certificate_chains_travel_in_fragments(bench, first, outer):
    row = Tunnel('fragments', auth='chain', outer=outer, settings={'fragment_size': 1280 if outer == 6 else 600})
    tern, charon = bench.start(row, moon='tern', sun='charon')
    with bench.wire() as wire:
        (tern if first == 'tern' else charon).up()
        bench.ping_both_ways()
    assert_agreement(tern, charon, row)
    wire.assert_only_encrypted()
    wire.assert_no_fragments()
    for response in (False, True):
        fragments = [frame for frame in wire.ike('IKE_AUTH', response) if frame.ike.fragment]
        assert len(fragments) > 2, f'expected IKE fragments, not {len(fragments)}'
        assert max(frame.size for frame in fragments) <= row.settings['fragment_size']
