"""libreswan's pluto, with the kernel's ESP: a third daemon, for hosts in a guest (tests/uml). Its ipsec.conf is made from
what the Tunnel says for its host; what only pluto has (`modecfgclient`, `sendca`) is in the row's `pluto`."""

import hashlib
import ipaddress
import os
import pathlib
import re
import shutil
import signal
import socket

from .daemons import Daemon
from .network import LabError, eventually, run

UNPACKED = pathlib.Path('/usr/local/lib/tern-lab/libreswan')   # by tools/deps: its package excludes strongSwan's
PROGRAMS = pathlib.Path('/usr/libexec/ipsec')
WORDS = {'sha1': 'sha1', 'sha256': 'sha2_256', 'sha384': 'sha2_384', 'sha512': 'sha2_512', 'x25519': 'dh31',
         'ecp256': 'dh19', 'ecp384': 'dh20', 'ecp521': 'dh21', 'modp1536': 'dh5', 'modp2048': 'dh14', 'modp3072': 'dh15',
         'modp4096': 'dh16'}


def translated(proposal):
    """swanctl's aes128-sha256-modp2048 as libreswan writes it: aes128-sha2_256;dh14."""
    words = [WORDS.get(word.removeprefix('prf'), word) for word in proposal.split('-')]
    gcm = re.fullmatch(r'aes(\d+)gcm16', words[0])
    if gcm:
        words[0] = f'aes_gcm{gcm[1]}'
    group = words.pop() if words[-1].startswith('dh') else None
    return '-'.join(words) + (f';{group}' if group else ''), group


def identity(name):
    """A name as swanctl has it: a domain name needs an @, or it would be looked up."""
    return name if re.fullmatch(r'[\d.]+|.*:.*|.*[@=%].*', name) else f'@{name}'


class Pluto(Daemon):
    kind = 'pluto'

    def configure(self, certificates):
        install()
        shutil.rmtree(self.directory, ignore_errors=True)
        for folder in ('x509', 'x509ca', 'private', 'files/policies'):
            (self.directory / folder).mkdir(parents=True)
        self.conf = self.tunnel.conf(self.host.name)
        self.conf.text = ipsec_conf(self.conf.tree, self.tunnel.pluto, self.directory)
        (self.directory / 'ipsec.conf').write_text(self.conf.text)
        (self.directory / 'ipsec.secrets').write_text(secrets(self.conf.tree))
        (self.directory / 'files/passwd').write_text(users(self.conf.tree))
        self.tunnel.install_credentials(certificates, self.host.name, self.directory)
        self.fill_database()

    def fill_database(self):
        """NSS's database, from which pluto takes certificates and keys: that of the same ones is copied."""
        files = sorted(path for folder in ('x509ca', 'x509') for path in (self.directory / folder).iterdir())
        name = hashlib.sha256(b''.join(path.stem.encode() + path.read_bytes() for path in files)).hexdigest()
        ready = self.lab.directory / f'nss-{name}'
        if not ready.exists():
            self.make_database(ready)
        shutil.copytree(ready, self.directory / 'nss')

    def make_database(self, directory):
        directory.mkdir()
        where = f'sql:{directory}'
        run('certutil', '-N', '-d', where, '--empty-password')
        for path in (self.directory / 'x509ca').iterdir():
            run('certutil', '-A', '-d', where, '-n', path.stem, '-t', 'CT,,', '-i', path)
        for path in (self.directory / 'x509').iterdir():
            bundle = path.with_suffix('.p12')
            run('openssl', 'pkcs12', '-export', '-in', path, '-inkey', self.directory / f'private/{path.stem}.key',
                '-name', path.stem, '-passout', 'pass:', '-out', bundle)
            run('pk12util', '-i', bundle, '-d', where, '-W', '')

    def launch(self):
        return self.host.start_daemon(
            PROGRAMS / 'pluto', '--nofork', '--stderrlog', '--config', self.directory / 'ipsec.conf',
            '--secretsfile', self.directory / 'ipsec.secrets', '--nssdir', self.directory / 'nss',
            '--ipsecdir', self.directory / 'files', '--rundir', '/run/pluto', '--nhelpers', '0', log=self.log)

    def start(self):
        (self.host.directory / 'run/pluto').mkdir(exist_ok=True)
        return super().start()

    @property
    def control(self):
        return self.host.directory / 'run/pluto/pluto.ctl'

    def listens(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            return control.connect_ex(str(self.control)) == 0

    def whack(self, *words, check=True):
        command = [PROGRAMS / 'whack', '--ctlsocket', self.control, *words]
        result = self.note(run(*command, check=False), ['whack', *words])
        if check and result.returncode:
            raise LabError(f'whack {" ".join(words)} on {self.host.name}: exit code {result.returncode}\n{result.stdout}')
        return result

    def load(self):
        self.whack('--listen')
        self.note(run(*self.host.command(PROGRAMS / 'addconn', '--config', self.directory / 'ipsec.conf', '--ctlsocket',
                                         self.control, 'site')), ['addconn', 'site'])

    def up(self, child='net', check=True):
        return self.whack('--name', 'site', '--initiate', check=check)

    def rekey_child(self, child='net'):
        return self.whack('--name', 'site', '--rekey-ipsec')

    def rekey_ike(self, ike='site'):
        return self.whack('--name', 'site', '--rekey-ike')

    def end_child(self, child='net'):
        return self.whack('--deletestate', self.states(r'\(IPsec SA established|established Child SA')[-1])

    def end_ike(self, ike='site'):
        return self.whack('--name', 'site', '--terminate')

    def end(self, how=signal.SIGTERM):
        """A kernel keeps the SAs of a pluto that was killed, and of each its policies for neighbour discovery."""
        if not self.process:
            return 0
        code = super().end(how)
        self.host.run('sh', '-c', 'ip xfrm state flush; ip xfrm policy flush')
        return code

    def leave(self):
        crashed, code = not self.process.running(), self.end()
        self.process = None
        assert not crashed and code == 0, f'pluto on {self.host.name} ended with code {code}'

    def status(self):
        return self.whack('--showstates').stdout

    def states(self, pattern, status=None):
        """The numbers of the states of which pluto says this."""
        return re.findall(rf'^000 #(\d+): .*{pattern}', status or self.status(), re.MULTILINE)

    def sas(self):
        """What VICI would say: pluto binds no child to the phase 1 that made it, so the newest IKE SA has them all."""
        status = self.status()
        found = [{'name': 'site', 'state': 'ESTABLISHED', 'version': 'unknown', 'unique': number, 'children': []}
                 for number in self.states(r'\((IKE SA established|established IKE SA)', status)]
        children = [{'state': 'INSTALLED', 'unique': number, 'spi-out': out.zfill(8), 'spi-in': into.zfill(8)}
                    for number, out, into in re.findall(r'^000 #(\d+): "site".* esp[.:](\w+)@\S+ esp[.:](\w+)@', status, re.MULTILINE)]
        if children:
            # Nor does it list a phase 1 as established whose last exchange was XAUTH's or mode config's.
            found = found or [{'name': 'site', 'state': 'ESTABLISHED', 'version': 'unknown', 'children': []}]
            found[-1]['children'] = children
        return found


def assert_same_child(tern, pluto):
    """Both ends come to have one IKE SA and one Child SA, with the same SPIs."""
    def same():
        ends = tern.sas(), pluto.sas()
        assert all(len(sas) == 1 and len(sas[0]['children']) == 1 for sas in ends), ends
        ours, theirs = (sas[0]['children'][0] for sas in ends)
        assert (ours['spi-in'], ours['spi-out']) == (theirs['spi-out'], theirs['spi-in']), ends
    eventually(same)


def install():
    """Put libreswan where its scripts look for each other: below the guest's root, which is its own."""
    if os.environ.get('TERN_GUEST') != 'uml':
        raise LabError('pluto runs in a guest only: see tests/uml')
    if not PROGRAMS.exists():
        for folder in ('usr/libexec/ipsec', 'usr/sbin'):
            shutil.copytree(UNPACKED / folder, pathlib.Path('/') / folder, dirs_exist_ok=True)


def ipsec_conf(tree, more, directory):
    site = tree['connections']['site']
    net = site['children']['net']
    ike, _ = translated(site['proposals'])
    esp, group = translated(net['esp_proposals'])
    conn = {'ikev2': 'no' if site['version'] == 1 else 'yes', 'type': net.get('mode', 'tunnel'), 'ike': ike, 'phase2alg': esp,
            'pfs': 'yes' if group else 'no', 'aggressive': 'yes' if site.get('aggressive') else 'no',
            'authby': 'secret' if site['local']['auth'] == 'psk' else 'rsasig'}
    for side, end in ('left', 'local'), ('right', 'remote'):
        conn[side] = site[f'{end}_addrs']
        if site[end].get('id'):
            conn[f'{side}id'] = identity(site[end]['id']) if site[end]['id'] != '%any' else None
        if net.get(f'{end}_ts'):
            conn[f'{side}subnet'] = ','.join(net[f'{end}_ts'])
        if site[end].get('certs'):
            conn[f'{side}cert'], conn[f'{side}sendcert'] = pathlib.Path(site[end]['certs']).stem, 'always'
    conn.update({'leftupdown': None if 'vips' in site else '%disabled', **client_or_gateway(site, tree), **more})
    sections = {'config setup': {'ikev1-policy': 'accept', 'uniqueids': 'yes', 'nssdir': directory / 'nss'}, 'conn site': conn}
    return ''.join(f'{name}\n' + ''.join(f'\t{key}={quoted(value)}\n' for key, value in keys.items() if value is not None)
                   for name, keys in sections.items())


def client_or_gateway(site, tree):
    """XAUTH and mode config."""
    conn = {}
    for own, other, end in ('client', 'server', 'local-2'), ('server', 'client', 'remote-2'):
        if end in site:
            conn.update({f'leftxauth{own}': 'yes', f'rightxauth{other}': 'yes', 'rekey': 'no'})
        if ('vips' if own == 'client' else 'pools') in site:
            conn.update({f'leftmodecfg{own}': 'yes', f'rightmodecfg{other}': 'yes',
                         'modecfgpull': 'yes' if site.get('pull', True) else 'no'})
    if 'local-2' in site:
        conn['leftusername'] = site['local-2']['xauth_id']
    if 'pools' in site:
        pool = tree['pools'][site['pools']]
        network = ipaddress.ip_network(pool['addrs'])
        conn.update({'rightaddresspool': f'{network[1]}-{network[-2]}', 'modecfgdns': pool['dns']})
    return conn


def users(tree):
    """The file of those that an XAUTH server knows."""
    known = [secret for name, secret in tree.get('secrets', {}).items() if name.startswith('xauth')]
    return ''.join(f'{user["id"]}:{run("openssl", "passwd", "-6", user["secret"]).stdout.strip()}:site\n' for user in known)


def quoted(value):
    return f'"{value}"' if ' ' in str(value) else value


def secrets(tree):
    lines = []
    for name, secret in tree.get('secrets', {}).items():
        if name.startswith('ike'):
            who = ' '.join(identity(value) for key, value in secret.items() if key.startswith('id'))
            lines.append(f'{who} : PSK "{secret["secret"]}"'.lstrip())
        else:
            lines.append(f'@{secret["id"]} : XAUTH "{secret["secret"]}"')
    return '\n'.join(lines) + '\n'
