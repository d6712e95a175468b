"""Certificates made on the spot with openssl, and put where swanctl and ternd look for them."""

import functools
import pathlib
import shutil

from .network import run

KEYS = {
    'rsa': ('RSA', 'rsa_keygen_bits:2048'),
    'rsa4096': ('RSA', 'rsa_keygen_bits:4096'),
    'ecdsa': ('EC', 'ec_paramgen_curve:P-256'),
    'ecdsa384': ('EC', 'ec_paramgen_curve:P-384'),
    'ecdsa521': ('EC', 'ec_paramgen_curve:P-521'),
    'ed25519': ('ED25519', None),
    'ed448': ('ED448', None),
}
CA_EXTENSIONS = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'


def subject(name):
    """The distinguished name of a certificate, as openssl and as swanctl.conf write it."""
    return f'/C=CH/O=tern/CN={name}', f'C=CH, O=tern, CN={name}'


def make_key(path, kind):
    algorithm, option = KEYS[kind]
    run('openssl', 'genpkey', '-quiet', '-algorithm', algorithm, *(['-pkeyopt', option] if option else []),
        '-out', path)


class Authority:
    """A certification authority: self-signed, or under a parent."""

    def __init__(self, directory, name, kind, parent=None, key=None):
        self.directory, self.name, self.kind, self.parent = directory, name, kind, parent
        self.key, self.certificate = key or directory / f'{name}.key', directory / f'{name}.pem'
        if not key:
            make_key(self.key, kind)
        if parent:
            parent.sign(self.key, self.certificate, name, CA_EXTENSIONS)
        else:
            extensions = [word for line in CA_EXTENSIONS.split() for word in ('-addext', line)]
            run('openssl', 'req', '-x509', '-new', '-key', self.key, '-subj', subject(name)[0], '-days', '30',
                *extensions, '-out', self.certificate)

    def sign(self, key, certificate, name, extensions):
        request, file = certificate.with_suffix('.csr'), certificate.with_suffix('.ext')
        file.write_text(extensions + 'authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n')
        run('openssl', 'req', '-new', '-key', key, '-subj', subject(name)[0], '-out', request)
        run('openssl', 'x509', '-req', '-in', request, '-days', '30', '-extfile', file,
            '-CA', self.certificate, '-CAkey', self.key, '-out', certificate)

    @functools.cache
    def issue(self, host, kind=None, expired=False):
        """A key and a certificate for moon.tern.test or sun.tern.test; returns their files' stem."""
        stem = self.directory / f'{self.name}-{host}{"-expired" if expired else ""}'
        key, certificate, name = stem.with_suffix('.key'), stem.with_suffix('.pem'), f'{host}.tern.test'
        make_key(key, kind or self.kind)
        if expired:
            made = run('pki', '--issue', '--in', key, '--type', 'priv', '--cacert', self.certificate,
                       '--cakey', self.key, '--dn', subject(name)[1], '--san', name, '--outform', 'pem',
                       '--not-before', '01.01.20 00:00:00', '--not-after', '01.01.21 00:00:00')
            certificate.write_text(made.stdout)
        else:
            self.sign(key, certificate, name, f'subjectAltName=DNS:{name},email:{host}@tern.test\n')
        return stem

    def chain(self):
        """This authority and those above it, the root last."""
        return [self, *(self.parent.chain() if self.parent else [])]


class Certificates:
    """The authorities of a run; each is made when first asked for."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)

    @functools.cache
    def authority(self, kind, name='ca'):
        return Authority(self.directory, f'{name}-{kind}', kind)

    @functools.cache
    def long_chain(self, host):
        """A common root and two intermediates of each host's own, RSA 4096 throughout: no one datagram holds it.
        The two intermediates share one key, to save the time of making more."""
        root = self.authority('rsa4096', 'root')
        upper = Authority(self.directory, f'{host}-intermediate-1', 'rsa4096', root)
        return Authority(self.directory, f'{host}-intermediate-2', 'rsa4096', upper, upper.key)

    def install(self, authority, host, directory, expired=False, form='pkcs8'):
        """Put a host's certificate, key and intermediates, and the root that it trusts, into its directory."""
        stem = authority.issue(host, expired=expired)
        put(stem.with_suffix('.pem'), directory / 'x509' / f'{host}.pem')
        install_key(stem.with_suffix('.key'), authority.kind, directory, host, form)
        for above in authority.chain():
            put(above.certificate, directory / 'x509ca' / f'{above.name}.pem')

    def install_raw(self, authority, hosts, host, directory):
        """Raw public keys: one's own private key, and everybody's public key."""
        install_key(authority.issue(host).with_suffix('.key'), authority.kind, directory, host, 'pkcs8')
        (directory / 'pubkey').mkdir(exist_ok=True)
        for other in hosts:
            run('openssl', 'pkey', '-in', authority.issue(other).with_suffix('.key'), '-pubout',
                '-out', directory / 'pubkey' / f'{other}.pem')

    def trust(self, authority, directory):
        root = authority.chain()[-1]
        put(root.certificate, directory / 'x509ca' / f'{root.name}.pem')


def install_key(key, kind, directory, host, form):
    """As PKCS#8 in private/, or in the older forms: PKCS#1 in rsa/, SEC1 in ecdsa/, PKCS#8 DER in pkcs8/."""
    if form == 'pkcs8':
        put(key, directory / 'private' / f'{host}.key')
        return
    folder = {'der': 'pkcs8'}.get(form, 'rsa' if kind.startswith('rsa') else 'ecdsa')
    (directory / folder).mkdir(exist_ok=True)
    how = ['-outform', 'DER'] if form == 'der' else ['-traditional']
    command = ['openssl', 'pkey', '-in', key, *how, '-out', directory / folder / f'{host}.key']
    run(*command)


def put(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
