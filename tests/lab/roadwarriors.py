"""Two IKEv1 clients behind one NAT, on moon and alice, that get addresses by mode config from a server on sun."""

from .config import SECRET, Conf
from .network import OUTER


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
