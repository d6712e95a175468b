"""vpnc, a client for Cisco's gateways with an ESP of its own, against ternd as the gateway: a group with its pre-shared key
in aggressive mode, a user by XAUTH, mode config with Unity's attributes, and packets through.

    alice -- moon (vpnc) ==(router: may translate moon's addresses)== sun (ternd) -- bob
"""

import re

import pytest

from lab import INNER, NETWORKS, OUTER, Tunnel, wait_for

GROUP, GROUP_SECRET = 'engineers', 'a secret of all engineers'
USERS = {'carol': 'three blind mice', 'dave@example.org': 'see how they run'}
POOL = {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53', 'netmask': '255.255.255.0', 'banner': 'Welcome to sun',
        'default_domain': 'tern.test', 'split_include': (NETWORKS['sun', 4], '192.0.2.0/24'),
        'split_dns': ('tern.test', 'example.org')}
SCRIPT = """#!/bin/sh
[ "$reason" = connect ] || exit 0
env | grep -E '^(CISCO|INTERNAL)' > "$0.given"
ip address add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip link set "$TUNDEV" up mtu 1300
ip route add "$CISCO_SPLIT_INC_0_ADDR/$CISCO_SPLIT_INC_0_MASKLEN" dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
echo connected > "$0.said"
"""


def gateway(ike, esp, group, auth='psk', **connection):
    """Only sun has a configuration of tern: moon's is vpnc's, which asks for 0.0.0.0/0 whatever the gateway has."""
    secrets = {f'/secrets.xauth-{number}': {'id': user, 'secret': password}
               for number, (user, password) in enumerate(USERS.items())}
    return Tunnel('vpnc', auth=auth, ike=ike, esp=esp, sun={
        'version': 1, 'aggressive': True, 'remote_addrs': '%any', 'pools': 'office', '/pools.office': POOL,
        'remote.id': group, 'remote-2': {'auth': 'xauth'}, '/secrets.ike-site': {'id': group, 'secret': GROUP_SECRET},
        'children.net.remote_ts': None, **secrets, **connection})


class Vpnc:
    def __init__(self, bench, user='carol', password=None, dh='dh14', pfs='nopfs', **more):
        self.host = bench.lab['moon']
        self.script = self.host.directory / 'vpnc-script'
        for path in self.host.directory.glob('vpnc-*'):
            path.unlink()
        self.script.write_text(SCRIPT)
        self.script.chmod(0o755)
        lines = {'IPSec gateway': OUTER['sun', 4], 'IPSec ID': GROUP, 'IPSec secret': GROUP_SECRET,
                 'Xauth username': user, 'Xauth password': password or USERS[user], 'IKE DH Group': dh,
                 'Perfect Forward Secrecy': pfs, 'Script': self.script, 'Debug': 2,
                 'Pidfile': self.host.directory / 'vpnc.pid', 'DPD idle timeout (our side)': 10, **more}
        conf = self.host.directory / 'vpnc.conf'
        conf.write_text(''.join(f'{key} {value}\n' for key, value in lines.items()) + 'Noninteractive\nNo Detach\n')
        self.process = self.host.start_daemon('vpnc', conf, log=bench.lab.fresh_log('vpnc-moon'))

    def connected(self):
        """Its script is through."""
        return self.script.with_suffix('.said').exists()

    def given(self):
        return dict(line.split('=', 1) for line in self.script.with_suffix('.given').read_text().splitlines())

    def wait_up(self):
        wait_for(lambda: self.connected() or not self.process.running(), 'vpnc to be up')
        assert self.process.running(), self.process.output()
        return self


def start(bench, **changes):
    tunnel = gateway(**{'ike': 'aes256-sha1-modp2048', 'esp': 'aes256-sha1', 'group': f'keyid:{GROUP}', **changes})
    _, sun = bench.prepare(tunnel)
    return sun.start()


@pytest.fixture
def start_vpnc(bench):
    started = []
    yield lambda **options: started.append(Vpnc(bench, **options)) or started[-1]
    for vpnc in started:
        vpnc.process.end()


@pytest.mark.parametrize('hidden', [False, True], ids=['in-the-open', 'behind-nat'])
def test_vpnc_gets_in(bench, start_vpnc, hidden):
    if hidden:
        bench.lab.hide('moon')
    sun = start(bench)
    vpnc = start_vpnc().wait_up()
    sun.the_child()
    there = bench.lab.ping('moon', INNER['bob', 4])
    assert there.returncode == 0, there.stdout
    back = bench.lab.ping('bob', '10.3.0.1')
    assert back.returncode == 0, back.stdout
    sa = sun.the_ike()
    assert (sa['version'], sa['remote-xauth-id'], sa['remote-vips']) == ('1', 'carol', ['10.3.0.1']), sa
    assert sa['remote-id'] == f'@#{GROUP.encode().hex()}' or GROUP in sa['remote-id'], sa
    status = sun.status()
    assert 'IKEv1' in status and re.search(r'^ *user +carol$', status, re.MULTILINE), status
    given = vpnc.given()
    assert given['INTERNAL_IP4_ADDRESS'] == '10.3.0.1' and given['INTERNAL_IP4_DNS'] == '10.2.0.53', given
    assert given['CISCO_BANNER'] == 'Welcome to sun' and given['CISCO_DEF_DOMAIN'] == 'tern.test', given
    assert given['CISCO_SPLIT_INC'] == '2' and given['CISCO_SPLIT_INC_1_ADDR'] == '192.0.2.0', given
    vpnc.process.end()
    wait_for(lambda: not sun.sas(), 'the gateway to forget vpnc')


@pytest.mark.parametrize('user', USERS)
@pytest.mark.parametrize('esp, pfs', [('aes128-sha1', 'nopfs'), ('aes256-sha1-modp2048', 'dh14')])
def test_users_and_algorithms(bench, start_vpnc, esp, pfs, user):
    sun = start(bench, ike='aes128-sha1-modp1024', esp=esp)
    start_vpnc(user=user, dh='dh2', pfs=pfs).wait_up()
    sun.the_child()
    there = bench.lab.ping('moon', INNER['bob', 4])
    assert there.returncode == 0, there.stdout
    assert sun.the_ike()['remote-xauth-id'] == user


def test_hybrid(bench, start_vpnc):
    """The gateway has a certificate, which vpnc checks against the CA; the group's secret counts for nothing."""
    sun = start(bench, auth='rsa', **{'local.auth': 'rsa', 'local.certs': 'sun.pem', 'remote.auth': 'xauth',
                                      'remote-2': None, 'send_cert': 'always'})
    authority = next((sun.directory / 'x509ca').iterdir())
    start_vpnc(**{'IKE Authmode': 'hybrid', 'CA-File': authority}).wait_up()
    sun.the_child()
    there = bench.lab.ping('moon', INNER['bob', 4])
    assert there.returncode == 0, there.stdout
    assert sun.the_ike()['remote-xauth-id'] == 'carol'


def test_a_wrong_password(bench, start_vpnc):
    sun = start(bench)
    vpnc = start_vpnc(password='four blind mice')
    said = sun.wait_log(r"XAUTH of user 'carol' failed.*not that of secret xauth-0 from (\S+)")
    assert 'swanctl.conf' in said[1]
    wait_for(lambda: not vpnc.process.running(), 'vpnc to give up')
    assert not vpnc.connected() and 'blind mice' not in sun.output()
    wait_for(lambda: not sun.sas(), 'the gateway to forget vpnc')


def test_another_group(bench, start_vpnc):
    sun = start(bench, group='keyid:accountants')
    vpnc = start_vpnc()
    sun.wait_log('no connection with aggressive mode for the peer')
    wait_for(lambda: not vpnc.process.running(), 'vpnc to give up', 60)
    assert not sun.sas()
