"""L2TP over IPsec, RFC 3193: a server on sun for clients of any address, and what carries L2TP within."""

import dataclasses
import re

from .config import Conf, change
from .network import OUTER, wait_for

SECRET = 'sesame-open'
ADDRESSES = {'moon': OUTER['moon', 4], 'alice': '10.1.0.10', 'sun': OUTER['sun', 4]}
PORT = 1701


@dataclasses.dataclass
class L2tp:
    """The configuration of a server (sun) or a client. `port` is what the client's end of L2TP has;
    `changes` are by dotted path below the connection."""
    version: int = 1
    ike: str = 'aes256-sha256-modp2048, aes128-sha1-modp2048, 3des-sha1-modp1024'
    esp: str = 'aes256-sha256, aes128-sha1, 3des-sha1'
    port: int = PORT
    changes: dict = dataclasses.field(default_factory=dict)

    def conf(self, host):
        server = host == 'sun'
        child = {'mode': 'transport', 'esp_proposals': self.esp, 'local_ts': f'dynamic[udp/{PORT if server else self.port}]',
                 'remote_ts': 'dynamic[udp]' if server else f'dynamic[udp/{PORT}]'}
        connection = {'version': self.version, 'local_addrs': ADDRESSES[host],
                      'remote_addrs': '%any' if server else ADDRESSES['sun'], 'proposals': self.ike, 'unique': 'never',
                      'local': {'auth': 'psk'}, 'remote': {'auth': 'psk', 'id': '%any'}, 'children': {'net': child}}
        change(connection, self.changes)
        return Conf({'connections': {'l2tp': connection}, 'secrets': {'ike-l2tp': {'secret': SECRET}}})

    def daemon_settings(self, _):
        return {}

    def install_credentials(self, *_):
        pass


PPP = """
noccp
nodefaultroute
mtu 1280
mru 1280
lcp-echo-interval 5
lcp-echo-failure 6
"""
SERVER = """
[global]
listen-addr = {address}
[lns default]
ip range = 10.9.0.10-10.9.0.20
local ip = 10.9.0.1
name = sun
require chap = yes
refuse pap = yes
require authentication = yes
length bit = yes
pppoptfile = {directory}/options
"""
CLIENT = """
[global]
listen-addr = {address}
[lac sun]
lns = {server}
autodial = yes
redial = yes
redial timeout = 1
length bit = yes
pppoptfile = {directory}/options
"""
SERVER_ADDRESS = '10.9.0.1'


class Xl2tpd:
    """xl2tpd with its pppd on one host: the server on sun, a client elsewhere, who is `carol` and calls by itself until
    it has a session."""

    def __init__(self, lab, host):
        self.lab, self.host, server = lab, lab[host], host == 'sun'
        directory = self.host.directory / 'l2tp'
        (directory / 'ppp').mkdir(parents=True, exist_ok=True)
        (directory / 'run').mkdir(exist_ok=True)
        (directory / 'ppp' / 'chap-secrets').write_text('carol sun open-too 10.9.0.0/24\n')
        (directory / 'ppp' / 'chap-secrets').chmod(0o600)
        (directory / 'ppp' / 'options').touch()
        (directory / 'options').write_text(PPP + ('auth\nrequire-mschap-v2\n' if server else
                                                  'noauth\nnoipdefault\nuser carol\nremotename sun\n'))
        (directory / 'conf').write_text((SERVER if server else CLIENT).format(
            address=ADDRESSES[host], server=ADDRESSES['sun'], directory=directory))
        self.log = lab.fresh_log(f'xl2tpd-{host}')
        run = directory / 'run'
        command = (f'mount --bind {directory}/ppp /etc/ppp && exec xl2tpd -D -c {directory}/conf -p {run}/pid '
                   f'-C {run}/control -s /dev/null')
        self.process = self.host.start_daemon('sh', '-c', command, log=self.log)
        wait_for(lambda: 'Listening on IP address' in self.output(), f'xl2tpd on {host} to listen')

    def end(self):
        """Its pppd would go on saying goodbye for a while."""
        self.process.end()
        self.host.run('sh', '-c', f'for each in $(ip netns pids {self.host.namespace}); do '
                      'case $(cat /proc/$each/comm) in pppd) kill -KILL $each ;; esac; done')
        wait_for(lambda: not self.addresses(), f'the PPP device on {self.host.name} to go')

    def output(self):
        return self.log.read_text(errors='replace')

    def addresses(self):
        """Of this end, by PPP device: ours and the peer's."""
        lines = self.host.run('ip', '-4', '-o', 'address').stdout
        return dict((device, (ours, peer)) for device, ours, peer in
                    re.findall(r'(ppp\d+) +inet ([\d.]+) peer ([\d.]+)', lines))

    def session(self):
        """Wait for the session of a client; the address that it has within."""
        return next(iter(wait_for(self.addresses, f'a PPP session on {self.host.name}', 180).values()))[0]
