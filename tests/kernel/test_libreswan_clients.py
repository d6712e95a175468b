"""XAUTH and mode config of IKEv1 between ternd and libreswan's pluto, each as the gateway (on sun) and as the client (on
moon): over pre-shared keys and RSA, pull, and push."""

import pytest

from lab import INNER, NETWORKS, Tunnel, assert_gone

ROLES = ('tern', 'pluto')
OTHER = {'tern': 'pluto', 'pluto': 'tern'}
USER, PASSWORD = 'alice', 'three blind mice'
POOL = {'four': {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53'}}


def tunnel(name, xauth=True, both=None, password=PASSWORD, ike='aes128-sha256-modp2048', **more):
    moon = {'vips': '0.0.0.0', 'children.net.local_ts': None, 'children.net.remote_ts': [NETWORKS['sun', 4]]}
    sun = {'pools': 'four', 'remote_addrs': '%any', 'children.net.remote_ts': None,
           'children.net.local_ts': [NETWORKS['sun', 4]], '/pools': POOL}
    if xauth:
        moon.update({'local-2': {'auth': 'xauth', 'xauth_id': USER},
                     '/secrets.xauth-me': {'id': USER, 'secret': password}})
        sun.update({'remote-2': {'auth': 'xauth'}, '/secrets.xauth-alice': {'id': USER, 'secret': PASSWORD}})
    return Tunnel(name, ike=ike, esp='aes128-sha256', both={'version': 1, **(both or {})},
                  moon={**moon, **more.pop('moon', {})}, sun={**sun, **more.pop('sun', {})}, **more)


TUNNELS = [
    tunnel('psk'),
    tunnel('psk-aggressive', both={'aggressive': True}),
    tunnel('rsa', auth='rsa', moon={'send_cert': 'always'}, sun={'send_cert': 'always'}),
    tunnel('rsa-aggressive', auth='rsa', ike='aes128-sha256-x25519', both={'aggressive': True}, moon={'send_cert': 'always'},
           sun={'send_cert': 'always'}),
    tunnel('config-alone', xauth=False),
    # Push without XAUTH doesn't work even between two plutos: docs/ikev1.md.
    tunnel('psk-push', both={'pull': False}),
    tunnel('rsa-push', auth='rsa', both={'pull': False}, moon={'send_cert': 'always'}, sun={'send_cert': 'always'}),
]


def assert_reaches(bench, host, address):
    there = bench.lab.ping(host, INNER['bob', 4], '-I', address)
    assert there.returncode == 0, there.stdout
    back = bench.lab.ping('bob', address)
    assert back.returncode == 0, back.stdout


@pytest.mark.parametrize('client', ROLES)
@pytest.mark.parametrize('row', TUNNELS, ids=str)
def test_a_client_gets_in(bench, row, client):
    moon, sun = bench.start(row, moon=client, sun=OTHER[client])
    with bench.wire() as wire:
        moon.up()
        assert_reaches(bench, 'moon', '10.3.0.1')
    wire.assert_only_encrypted()
    tern = moon if client == 'tern' else sun
    assert tern.the_ike()['local-vips' if client == 'tern' else 'remote-vips'] == ['10.3.0.1']
    if client == 'tern':
        assert 'nameserver 10.2.0.53' in (moon.directory / 'resolv.conf').read_text()
    elif 'config' not in str(row):
        assert sun.the_ike()['remote-xauth-id'] == USER
    moon.end_ike()
    assert_gone(moon, sun)


@pytest.mark.parametrize('client', ROLES)
def test_a_wrong_password(bench, client):
    moon, sun = bench.start(tunnel('wrong', password='four blind mice'), moon=client, sun=OTHER[client])
    if client == 'tern':
        failed = moon.up(check=False)
        assert failed.returncode != 0 and 'refused our user and password (XAUTH)' in failed.stdout, failed.stdout
        assert not moon.established()
    else:
        moon.whack('--name', 'site', '--initiate', '--asynchronous')
        sun.wait_log("XAUTH of user 'alice' failed.*not that of secret xauth-alice from .*swanctl.conf")
        assert not sun.established()
