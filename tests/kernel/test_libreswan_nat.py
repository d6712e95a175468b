"""Two clients behind one NAT, of which at least one end is libreswan's: they have addresses by mode config, since the kernel
can't tell two apart that say the same address, as in transport mode they do.

    alice 10.1.0.10 -- moon 172.16.1.1 -- router, which translates -- sun 172.16.2.1 -- bob 10.2.0.10
"""

import pytest

from lab import INNER, OUTER, wait_for
from lab.bench import DAEMONS
from lab.config import SECRET, Conf


class Roadwarriors:
    """The configuration of each of them."""
    pluto = {}

    def conf(self, host):
        server = host == 'sun'
        net = {'esp_proposals': 'aes128-sha256', 'local_ts' if server else 'remote_ts': ['10.2.0.0/24']}
        connection = {'version': 1, 'proposals': 'aes128-sha256-modp2048',
                      'local_addrs': '10.1.0.10' if host == 'alice' else OUTER[host, 4],
                      'remote_addrs': '%any' if server else OUTER['sun', 4],
                      'pools' if server else 'vips': 'four' if server else '0.0.0.0',
                      'local': {'auth': 'psk', 'id': f'{host}.tern.test'},
                      'remote': {'auth': 'psk', 'id': '%any' if server else 'sun.tern.test'}, 'children': {'net': net}}
        return Conf({'connections': {'site': connection}, 'secrets': {'ike-site': {'secret': SECRET}},
                     'pools': {'four': {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53'}} if server else None})

    def daemon_settings(self, _):
        return {}

    def install_credentials(self, *_):
        pass


@pytest.fixture
def site(bench):
    bench.lab.hide('moon')
    bench.lab['router'].run('ip', 'route', 'add', '10.1.0.0/24', 'via', OUTER['moon', 4])
    yield bench
    bench.lab['router'].run('ip', 'route', 'del', '10.1.0.0/24')


@pytest.mark.parametrize('sun, moon, alice', [('tern', 'pluto', 'pluto'), ('pluto', 'tern', 'pluto'), ('pluto', 'pluto', 'tern')])
def test_two_clients_behind_one_nat(site, sun, moon, alice):
    lab, kinds = site.lab, {'sun': sun, 'moon': moon, 'alice': alice}
    with site.wire() as wire:
        ends = {host: DAEMONS[kind](lab, host, Roadwarriors(), site.certificates).start() for host, kind in kinds.items()}
        for host in ('moon', 'alice'):
            ends[host].up()
        wait_for(lambda: len(ends['sun'].children()) == 2, 'both to have a child')
        for host in ('moon', 'alice', 'moon'):
            ping = lab.ping(host, INNER['bob', 4], '-w', '20')
            assert ping.returncode == 0, ping.stdout
    wire.assert_only_encrypted(protocol=17)
    if sun == 'tern':
        sas = {sa['remote-id']: sa for sa in ends['sun'].established()}
        assert len(sas) == len({sa['remote-port'] for sa in sas.values()}) == 2, sas
