"""The daemons under test: ternd, and strongSwan's charon with kernel-libipsec. Both are set up from a Tunnel, driven
by their own command line tools, and read through VICI."""

import os
import pathlib
import re
import shutil
import signal

from .config import Conf
from .network import LabError, run, wait_for
from .vici import Vici

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('TERN_BUILD', ROOT / 'build')).resolve()
CHARON = '/usr/lib/ipsec/charon'
PLUGINS = ('aes sha1 sha2 md5 hmac kdf gcm ccm ctr cmac xcbc chapoly drbg random nonce x509 revocation constraints '
           'pubkey pkcs1 pkcs8 pem openssl curve25519 gmp vici kernel-libipsec kernel-netlink socket-default updown '
           'resolve xauth-generic')
CREDENTIALS = ('x509', 'x509ca', 'x509aa', 'x509ocsp', 'x509crl', 'x509ac', 'pubkey', 'private', 'rsa', 'ecdsa',
               'bliss', 'pkcs8', 'pkcs12')


class Daemon:
    """What ternd and charon have in common. A daemon belongs to a host and has one Tunnel's configuration."""

    kind = None

    def __init__(self, lab, host, tunnel, certificates, configure=True):
        self.lab, self.host, self.tunnel = lab, lab[host], tunnel
        self.directory = self.host.directory / self.kind
        self.socket = self.host.directory / f'{self.kind}.vici'
        self.process, self.log, self.commands = None, None, ''
        if configure:
            self.configure(certificates)
        lab.daemons.append(self)

    def configure(self, certificates):
        """Write swanctl.conf and the credentials anew."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for folder in CREDENTIALS:
            (self.directory / folder).mkdir(parents=True)
        self.conf = self.tunnel.conf(self.host.name)
        (self.directory / 'swanctl.conf').write_text(self.conf.text)
        self.tunnel.install_credentials(certificates, self.host.name, self.directory)

    def start(self):
        self.log = self.lab.fresh_log(f'{self.kind}-{self.host.name}')
        self.socket.unlink(missing_ok=True)
        self.process = self.launch()
        wait_for(lambda: self.listens() or not self.process.running(), f'the socket of {self.kind}')
        if not self.process.running():
            raise LabError(f'{self.kind} ended at once:\n{self.process.output()}')
        self.load()
        return self

    def listens(self):
        try:
            with Vici(self.socket):
                return True
        except OSError:
            return False

    def load(self):
        pass

    def output(self):
        return self.log.read_text(errors='replace') if self.log and self.log.exists() else ''

    def end(self, how=signal.SIGTERM):
        return self.process.end(how) if self.process else 0

    def note(self, result, words):
        """Remember what a command said: it is shown when the test fails."""
        self.commands += f'$ {" ".join(map(str, words))}  -> {result.returncode}\n{result.stdout}\n'
        return result

    def swanctl(self, *words, check=True):
        """Stock swanctl against this daemon's socket and this host's directory."""
        command = ['swanctl', *words, '--uri', f'unix://{self.socket}']
        defaults = self.host.directory / 'empty.conf'
        defaults.touch()
        environment = {'SWANCTL_DIR': str(self.directory), 'STRONGSWAN_CONF': str(defaults)}
        result = self.note(run(*command, check=False, environment=environment), command)
        if check and result.returncode:
            raise LabError(f'{" ".join(command)} on {self.host.name}: exit code {result.returncode}\n{result.stdout}')
        return result

    def up(self, child='net', check=True):
        return self.settled(self.swanctl('--initiate', '--child', child, '--timeout', '30', check=check))

    def settled(self, result):
        """Nobody answers the last message of IKEv1: who gets it may have the child a moment later than our command ends."""
        ours = {child['spi-out'] for sa in self.established() if sa['version'] == '1'
                for child in sa['children'] if child['state'] == 'INSTALLED'} if result.returncode == 0 else set()
        others = [daemon for daemon in self.lab.daemons if daemon is not self and daemon.process and daemon.process.running()]
        if ours and others:
            wait_for(lambda: ours <= {child['spi-in'] for daemon in others for child in daemon.children()},
                     f'the peer of {self.host.name} to have the child')
        return result

    def rekey_child(self, child='net'):
        return self.swanctl('--rekey', '--child', child)

    def rekey_ike(self, ike='site'):
        return self.swanctl('--rekey', '--ike', ike)

    def end_child(self, child='net'):
        return self.swanctl('--terminate', '--child', child, '--timeout', '30')

    def end_ike(self, ike='site'):
        return self.swanctl('--terminate', '--ike', ike, '--timeout', '30')

    def status(self):
        return self.swanctl('--list-sas').stdout

    def sas(self):
        """The IKE SAs, each with its children as a list under `children`."""
        with Vici(self.socket) as vici:
            found = []
            for event in vici.stream('list-sas', 'list-sa'):
                for name, sa in event.items():
                    found.append({'name': name, **sa, 'children': list(sa.get('child-sas', {}).values())})
            return found

    def established(self):
        return [sa for sa in self.sas() if sa['state'] == 'ESTABLISHED']

    def children(self):
        """The installed Child SAs of all established IKE SAs."""
        return [child for sa in self.established() for child in sa['children'] if child['state'] == 'INSTALLED']

    def the_ike(self):
        """The one IKE SA, once there is exactly one and it is established."""
        return wait_for(lambda: only(self.sas(), 'ESTABLISHED'), f'one IKE SA on {self.host.name}')

    def the_child(self):
        """The one Child SA, once there is exactly one and it is installed."""
        return wait_for(lambda: only([child for sa in self.sas() for child in sa['children']], 'INSTALLED'),
                        f'one Child SA on {self.host.name}')

    def wait_log(self, pattern):
        """Wait for a line in the daemon's log, from its start on, and return the match."""
        return wait_for(lambda: re.search(pattern, self.output()), f'/{pattern}/ in the log of {self.log.stem}')


def only(items, state):
    return items[0] if len(items) == 1 and items[0]['state'] == state else None


class Tern(Daemon):
    kind = 'tern'
    config_argument = None   # another directory than that which swanctl.conf is in

    def launch(self):
        program = BUILD / 'ternd'
        if not program.exists():
            raise LabError(f'{program} is not there: run make build')
        settings = Conf({'ternd': {'state_dir': self.directory / 'state', 'delete_rekeyed_delay': 1, 'data_plane': 'user',
                                   'plugins': {'resolve': {'file': self.directory / 'resolv.conf'}},
                                   **self.tunnel.daemon_settings(self.host.name)}})
        (self.directory / 'ternd.conf').write_text(settings.text)
        return self.host.start_daemon(program, '--config', self.config_argument or self.directory,
                                      '--vici', self.socket, log=self.log)

    def tern(self, *words, check=True):
        """The tern command against this daemon."""
        command = [BUILD / 'tern', '--vici', self.socket, *words]
        result = self.note(run(*command, check=False), command)
        if check and result.returncode:
            raise LabError(f'tern {" ".join(words)} on {self.host.name}: exit code {result.returncode}\n'
                           f'{result.stdout}')
        return result

    def up(self, child='net', check=True):
        return self.settled(self.tern('up', child, check=check))

    def end_ike(self, ike='site'):
        return self.tern('down', ike)

    def status(self):
        return self.tern('status').stdout

    def leave(self):
        """End the daemon as a service manager does, and see that it ends well."""
        crashed, code = not self.process.running(), self.end()
        self.process = None
        found = re.search(r'.*(AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed).*', self.output())
        assert not found, f'ternd on {self.host.name}: {found[0]}'
        assert not crashed, f'ternd on {self.host.name} ended during the test, exit code {code}'
        assert code == 0, f'ternd on {self.host.name} ended with code {code} on SIGTERM'


class Charon(Daemon):
    kind = 'charon'
    plugins = PLUGINS

    # What its kernel-libipsec says of each packet that it drops: while its policies change, and when one is handled later
    # than the delete that came behind it. It says the second where `levels` of the settings have ESP at 2.
    DROPS = ('discarding inbound IP packet', 'inbound ESP packet does not belong to an installed SA')

    def dropped(self):
        return sum(map(self.output().count, self.DROPS))

    def launch(self):
        own = self.tunnel.daemon_settings(self.host.name)
        settings = {
            'load': self.plugins,
            'delete_rekeyed_delay': 1,
            'retransmit_timeout': 1,
            'filelog': {'stderr': {'time_format': '%T', 'flush_line': True, 'default': 1, 'ike': 2, 'net': 1,
                                   'cfg': 2, 'knl': 1, 'esp': 1, **own.pop('levels', {})}},
            'plugins': {'vici': {'socket': f'unix://{self.socket}'},
                        'resolve': {'file': self.directory / 'resolv.conf'}},
            **own,
        }
        path = self.directory / 'strongswan.conf'
        path.write_text(Conf({'charon': settings}).text)
        return self.host.start_daemon(CHARON, log=self.log, environment={'STRONGSWAN_CONF': str(path)})

    def load(self):
        self.swanctl('--load-all')

    def leave(self):
        self.end()

