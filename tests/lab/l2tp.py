"""L2TP over IPsec, RFC 3193: a server on sun for clients of any address, and what carries L2TP within."""

import dataclasses

from .config import Conf, change
from .network import OUTER

SECRET = 'sesame-open'
ADDRESSES = {'moon': OUTER['moon', 4], 'alice': '10.1.0.10', 'sun': OUTER['sun', 4]}
PORT = 1701


@dataclasses.dataclass
class L2tp:
    """The configuration of a server (sun) or a client. `port` is what the client's end of L2TP has, '%any' at the
    server; `changes` are by dotted path below the connection."""
    version: int = 1
    ike: str = 'aes256-sha256-modp2048, aes128-sha1-modp2048, 3des-sha1-modp1024'
    esp: str = 'aes256-sha256, aes128-sha1, 3des-sha1'
    port: int = PORT
    changes: dict = dataclasses.field(default_factory=dict)

    def conf(self, host):
        server = host == 'sun'
        child = {'mode': 'transport', 'esp_proposals': self.esp, 'local_ts': f'dynamic[udp/{PORT if server else self.port}]',
                 'remote_ts': 'dynamic[udp/%any]' if server else f'dynamic[udp/{PORT}]'}
        connection = {'version': self.version, 'local_addrs': ADDRESSES[host],
                      'remote_addrs': '%any' if server else ADDRESSES['sun'], 'proposals': self.ike, 'unique': 'never',
                      'local': {'auth': 'psk'}, 'remote': {'auth': 'psk', 'id': '%any'}, 'children': {'net': child}}
        change(connection, self.changes)
        return Conf({'connections': {'l2tp': connection}, 'secrets': {'ike-l2tp': {'secret': SECRET}}})

    def daemon_settings(self, _):
        return {}

    def install_credentials(self, *_):
        pass
