"""Configurations as data: what two ends of a tunnel agree on, written out as swanctl.conf for each of them."""

import dataclasses
import re

from .network import NETWORKS, OUTER

OTHER = {'moon': 'sun', 'sun': 'moon'}
SECRET = 'correct horse battery staple'
DATA_ALGORITHMS = {
    'aes128gcm16': ('AES_GCM_16', '128'), 'aes192gcm16': ('AES_GCM_16', '192'),
    'aes256gcm16': ('AES_GCM_16', '256'),
    'aes128gcm8': ('AES_GCM_8', '128'), 'aes256gcm12': ('AES_GCM_12', '256'),
    'aes128ccm8': ('AES_CCM_8', '128'), 'aes128ccm12': ('AES_CCM_12', '128'),
    'aes128ccm16': ('AES_CCM_16', '128'), 'aes256ccm16': ('AES_CCM_16', '256'),
    'chacha20poly1305': ('CHACHA20_POLY1305', None),
    'aes128': ('AES_CBC', '128'), 'aes192': ('AES_CBC', '192'), 'aes256': ('AES_CBC', '256'),
    'aes128ctr': ('AES_CTR', '128'), 'aes256ctr': ('AES_CTR', '256'),
    '3des': ('3DES_CBC', None), 'null': ('NULL', None),
}
INTEGRITY = {'sha1': 'HMAC_SHA1_96', 'sha256': 'HMAC_SHA2_256_128', 'sha384': 'HMAC_SHA2_384_192',
             'sha512': 'HMAC_SHA2_512_256', 'aesxcbc': 'AES_XCBC_96', 'aescmac': 'AES_CMAC_96'}
PRFS = {'sha1': 'PRF_HMAC_SHA1', 'sha256': 'PRF_HMAC_SHA2_256', 'sha384': 'PRF_HMAC_SHA2_384',
        'sha512': 'PRF_HMAC_SHA2_512', 'aesxcbc': 'PRF_AES128_XCBC', 'aescmac': 'PRF_AES128_CMAC'}
GROUPS = {'x25519': 'CURVE_25519', 'x448': 'CURVE_448', 'ecp256': 'ECP_256', 'ecp384': 'ECP_384',
          'ecp521': 'ECP_521', 'modp1024': 'MODP_1024', 'modp2048': 'MODP_2048', 'modp3072': 'MODP_3072',
          'modp4096': 'MODP_4096'}


def algorithms(proposal, prf=False):
    """What list-sas should say when this proposal (one without alternatives) was agreed on."""
    words = proposal.split('-')
    encryption, size = DATA_ALGORITHMS[words[0]]
    found = {'encr-alg': encryption, 'encr-keysize': size}
    for word in words[1:]:
        if word in INTEGRITY:
            found['integ-alg'] = INTEGRITY[word]
            if prf:
                found.setdefault('prf-alg', PRFS[word])
        elif word.startswith('prf'):
            found['prf-alg'] = PRFS[word[3:]]
        elif word in GROUPS and prf:
            found['dh-group'] = GROUPS[word]
    return {key: value for key, value in found.items() if value}


class Conf:
    """A tree of sections as text, and the line on which each of its keys stands."""

    def __init__(self, tree):
        self.tree, self.lines, self.at = tree, [], {}
        self.write(tree, '', 0)
        self.text = '\n'.join(self.lines) + '\n'

    def write(self, tree, path, depth):
        for key, value in tree.items():
            if value is None:
                continue
            here = f'{path}.{key}' if path else key
            self.at[here] = len(self.lines) + 1
            indent = '    ' * depth
            if isinstance(value, dict):
                self.lines.append(f'{indent}{key} {{')
                self.write(value, here, depth + 1)
                self.lines.append(f'{indent}}}')
            else:
                self.lines.append(f'{indent}{key} = {scalar(value)}')

    def line(self, path):
        return self.at[path]


def scalar(value):
    if isinstance(value, (list, tuple)):
        return ', '.join(map(str, value))
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    plain = re.fullmatch(r'[\w.:/%@*,\-]+( *, *[\w.:/%@*\-]+)*', str(value))
    return str(value) if plain else '"' + str(value).replace('"', '\\"') + '"'


def change(tree, changes):
    """Set keys by their dotted path; None removes."""
    for path, value in changes.items():
        *sections, key = path.split('.')
        where = tree
        for section in sections:
            where = where.setdefault(section, {})
        where[key] = value


@dataclasses.dataclass
class Tunnel:
    """One row of a table: what the tunnel is made of. `moon` and `sun` hold what one end does otherwise, by dotted
    path below the connection (`children.net.mode`), or from the root where it begins with a slash."""
    name: str
    auth: str = 'psk'
    ike: str = 'aes128gcm16-prfsha256-x25519'
    esp: str = 'aes128gcm16'
    outer: int = 4
    inner: tuple = (4,)
    moon: dict = dataclasses.field(default_factory=dict)
    sun: dict = dataclasses.field(default_factory=dict)
    both: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    pluto: dict = dataclasses.field(default_factory=dict)
    moon_settings: dict = dataclasses.field(default_factory=dict)
    sun_settings: dict = dataclasses.field(default_factory=dict)
    expired: str = None
    foreign: str = None
    form: str = 'pkcs8'

    def __str__(self):
        return self.name

    def conf(self, host):
        """The swanctl.conf of one end."""
        peer = OTHER[host]
        raw = self.auth.startswith('raw-')
        round_of = {side: {'auth': 'psk' if self.auth == 'psk' else 'pubkey', 'id': f'{side}.tern.test'}
                    for side in (host, peer)}
        if raw:
            for side in round_of:
                round_of[side]['pubkeys'] = f'{side}.pem'
        elif self.auth != 'psk':
            round_of[host]['certs'] = f'{host}.pem'
        connection = {
            'version': 2,
            'local_addrs': OUTER[host, self.outer],
            'remote_addrs': OUTER[peer, self.outer],
            'proposals': self.ike,
            'local': round_of[host],
            'remote': round_of[peer],
            'children': {'net': {
                'local_ts': [NETWORKS[host, family] for family in self.inner],
                'remote_ts': [NETWORKS[peer, family] for family in self.inner],
                'esp_proposals': self.esp,
            }},
        }
        tree = {'connections': {'site': connection}}
        if self.auth == 'psk':
            tree['secrets'] = {'ike-site': {'id-1': 'moon.tern.test', 'id-2': 'sun.tern.test', 'secret': SECRET}}
        for path, value in {**self.both, **getattr(self, host)}.items():
            if path.startswith('/'):
                change(tree, {path[1:]: value})
            else:
                change(connection, {path: value})
        return Conf(tree)

    def daemon_settings(self, host):
        return {**self.settings, **getattr(self, f'{host}_settings')}

    def install_credentials(self, certificates, host, directory):
        """The certificates and keys of one end."""
        if self.auth == 'psk':
            return
        if self.auth == 'chain':
            certificates.install(certificates.long_chain(host), host, directory)
            return
        authority = certificates.authority(self.auth.removeprefix('raw-'))
        if self.auth.startswith('raw-'):
            certificates.install_raw(authority, ('moon', 'sun'), host, directory)
        elif self.foreign == host:
            foreign = certificates.authority(self.auth, 'foreign')
            certificates.install(foreign, host, directory)
            certificates.trust(authority, directory)
        else:
            certificates.install(authority, host, directory, self.expired == host, self.form)
