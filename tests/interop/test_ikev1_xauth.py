"""XAUTH, hybrid authentication and mode config of IKEv1 between ternd and charon, each as gateway (on sun) and as client
(on moon): over pre-shared keys and RSA, pull and push, with the addresses and what goes with them."""

import pytest

from lab import INNER, NETWORKS, Tunnel, assert_gone, wait_for
from lab.daemons import PLUGINS

ROLES = ('tern', 'charon')
IKE = 'aes128-sha256-modp2048'
USER, PASSWORD = 'carol', 'three blind mice'
POOL = {'four': {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53'}}
UNITY = {'tern': {'cisco_unity': True}, 'charon': {'cisco_unity': True, 'delete_rekeyed': True, 'load': f'{PLUGINS} unity'}}


def tunnel(name, auth='psk', xauth=True, config=True, password=PASSWORD, both=None, **more):
    """moon is the client, sun the gateway. Hybrid: the client has a password only."""
    hybrid = auth == 'hybrid'
    moon, sun = {}, {}
    if hybrid:
        moon.update({'local.auth': 'xauth', 'local.certs': None, 'local.xauth_id': USER,
                     'remote.id': 'sun.tern.test'})
        sun.update({'remote.auth': 'xauth', 'remote.id': None})
    elif xauth:
        moon.update({'local-2': {'auth': 'xauth', 'xauth_id': USER}})
        sun.update({'remote-2': {'auth': 'xauth'}})
    if xauth or hybrid:
        moon['/secrets.xauth-me'] = {'id': USER, 'secret': password}
        sun['/secrets.xauth-carol'] = {'id': USER, 'secret': PASSWORD}
    if config:
        moon.update({'vips': '0.0.0.0', 'children.net.local_ts': None, 'children.net.remote_ts': NETWORKS['sun', 4]})
        sun.update({'pools': 'four', 'remote_addrs': '%any', 'children.net.remote_ts': None,
                    'children.net.local_ts': NETWORKS['sun', 4], '/pools': POOL})
    return Tunnel(name, ike=IKE, esp='aes128-sha256', auth='rsa' if hybrid else auth,
                  both={'version': 1, **(both or {})}, moon={**moon, **more.pop('moon', {})},
                  sun={**sun, **more.pop('sun', {})}, **more)


AGGRESSIVE = {'sun_settings': {'i_dont_care_about_security_and_use_aggressive_mode_psk': True}}
TUNNELS = [
    tunnel('psk'),
    tunnel('rsa', auth='rsa'),
    tunnel('hybrid', auth='hybrid'),
    tunnel('psk-push', both={'pull': False}),
    tunnel('psk-aggressive', both={'aggressive': True}, **AGGRESSIVE),
    tunnel('config-alone', xauth=False),
    tunnel('config-alone-push', xauth=False, both={'pull': False}),
    tunnel('rsa-push', auth='rsa', both={'pull': False}),
    tunnel('rsa-aggressive', auth='rsa', both={'aggressive': True}),
    tunnel('hybrid-aggressive', auth='hybrid', both={'aggressive': True}),
]


def start(bench, row, client):
    moon, sun = bench.start(row, moon=client, sun='charon' if client == 'tern' else 'tern')
    return moon, sun


@pytest.mark.parametrize('client', ROLES)
@pytest.mark.parametrize('row', TUNNELS, ids=str)
def test_a_client_gets_in(bench, row, client):
    moon, sun = start(bench, row, client)
    with bench.wire() as wire:
        moon.up()
        there = bench.lab.ping('moon', INNER['bob', 4], '-I', '10.3.0.1')
        assert there.returncode == 0, there.stdout
        back = bench.lab.ping('bob', '10.3.0.1')
        assert back.returncode == 0, back.stdout
    wire.assert_only_encrypted()
    assert moon.the_ike()['local-vips'] == ['10.3.0.1']
    assert sun.the_ike()['remote-vips'] == ['10.3.0.1']
    assert moon.the_ike()['version'] == sun.the_ike()['version'] == '1'
    assert moon.the_child()['local-ts'] == sun.the_child()['remote-ts'] == ['10.3.0.1/32']
    if not str(row).startswith('config'):
        assert sun.the_ike()['remote-xauth-id'] == USER
        assert USER in sun.status()
    assert 'nameserver 10.2.0.53' in (moon.directory / 'resolv.conf').read_text()
    assert PASSWORD not in moon.output() + sun.output() if client == 'tern' else True
    moon.end_ike()
    assert_gone(moon, sun)


@pytest.mark.parametrize('client', ROLES)
def test_a_site_with_xauth_and_without_mode_config(bench, client):
    moon, sun = start(bench, tunnel('site', config=False), client)
    moon.up()
    bench.ping_both_ways()
    assert sun.the_ike()['remote-xauth-id'] == USER


@pytest.mark.parametrize('client', ROLES)
@pytest.mark.parametrize('auth', ['psk', 'hybrid'])
def test_a_wrong_password(bench, auth, client):
    moon, sun = start(bench, tunnel('wrong', auth=auth, password='four blind mice'), client)
    failed = moon.up(check=False)
    assert failed.returncode != 0
    assert_gone(moon, sun)
    if client == 'tern':
        assert 'refused our user and password (XAUTH)' in failed.stdout, failed.stdout
        sun.wait_log('XAuth authentication of .* failed|no XAuth secret|verification failed')
    else:
        said = sun.wait_log(r"XAUTH of user 'carol' failed.*not that of secret xauth-carol from (\S+)")
        assert 'swanctl.conf' in said[1]
    for end in (moon, sun):
        if end.kind == 'tern':
            assert 'blind mice' not in end.output()


@pytest.mark.parametrize('client', ROLES)
def test_the_address_stays_over_rekeying_and_a_new_phase_1(bench, client):
    moon, sun = start(bench, tunnel('again'), client)
    moon.up()
    before, child = moon.the_ike(), moon.the_child()
    moon.rekey_child()
    wait_for(lambda: moon.children() and child['spi-in'] not in str(moon.children()), 'new keys')
    moon.rekey_ike()
    wait_for(lambda: len(moon.established()) == 1 and moon.the_ike()['initiator-spi'] != before['initiator-spi'],
             'a new phase 1', 40)
    there = bench.lab.ping('moon', INNER['bob', 4], '-I', '10.3.0.1')
    assert there.returncode == 0, there.stdout
    assert moon.the_ike()['local-vips'] == ['10.3.0.1']
    assert sun.the_ike()['remote-xauth-id'] == USER


@pytest.mark.parametrize('client', ROLES)
def test_split_tunneling_as_unity_has_it(bench, client):
    """Both say 0.0.0.0/0 in quick mode; the client installs what the gateway lists."""
    pools = {'four': {**POOL['four'], 'split_include': NETWORKS['sun', 4]}}
    other = 'charon' if client == 'tern' else 'tern'
    row = tunnel('unity', moon={'children.net.remote_ts': '0.0.0.0/0'}, sun={'/pools': pools},
                 moon_settings=UNITY[client], sun_settings=UNITY[other])
    moon, sun = start(bench, row, client)
    moon.up()
    for again in (False, True):
        there = bench.lab.ping('moon', INNER['bob', 4], '-I', '10.3.0.1')
        assert there.returncode == 0, there.stdout
        tern = moon if client == 'tern' else sun
        assert tern.the_child()['remote-ts' if client == 'tern' else 'local-ts'] == [NETWORKS['sun', 4]]
        if not again:
            child = moon.the_child()
            moon.rekey_child()
            wait_for(lambda: len(moon.children()) == 1 and child['spi-in'] not in str(moon.children()), 'new keys')


@pytest.mark.parametrize('gateway', ROLES)
def test_what_unity_gives_reaches_the_host(bench, gateway):
    """Domains go where the name servers go, and a network of the client's stays out of the tunnel."""
    domain = {'default_domain' if gateway == 'tern' else '28674': 'sun.example'}
    pools = {'four': {**POOL['four'], **domain, 'split_exclude': '198.51.100.0/24'}}
    row = tunnel('host', moon={'children.net.remote_ts': '0.0.0.0/0'},
                 sun={'/pools': pools, 'children.net.local_ts': '0.0.0.0/0'},
                 moon_settings=UNITY['tern'], sun_settings=UNITY[gateway])
    moon, sun = bench.start(row, moon='tern', sun=gateway)
    resolv = moon.directory / 'resolv.conf'
    resolv.write_text('search moon.example\n')

    def routes():
        return bench.lab['moon'].run('ip', 'route', 'show', 'table', 'all').stdout
    moon.up()
    assert resolv.read_text().endswith('\nsearch sun.example\n'), resolv.read_text()
    assert 'nameserver 10.2.0.53' in resolv.read_text()
    assert 'throw 198.51.100.0/24' in routes(), routes()
    moon.end_ike()
    wait_for(lambda: resolv.read_text() == 'search moon.example\n', 'the old resolv.conf')
    wait_for(lambda: '198.51.100.0/24' not in routes(), 'no route of it')


def test_who_skips_xauth_is_refused(bench):
    """A client of the group without a user gets no further than the proposal."""
    row = tunnel('skips', moon={'local-2': None, '/secrets.xauth-me': None})
    moon, sun = start(bench, row, 'charon')
    assert moon.up(check=False).returncode != 0
    sun.wait_log('NO_PROPOSAL_CHOSEN for connection site')
    assert not sun.established()
