"""How ternd (on moon) and charon (on sun) authenticate in IKEv1: main and aggressive mode, with pre-shared keys and with
signatures by RSA and ECDSA certificates, in both roles; long chains in fragments."""

import dataclasses
import re

import pytest

from lab import Tunnel, assert_agreement, wait_for

ENDS = ('tern', 'charon')
MODES = ('main', 'aggressive')
IKE = 'aes128-sha256-x25519'
# charon answers aggressive mode with a pre-shared key only where it is told not to care.
SETTINGS = {'i_dont_care_about_security_and_use_aggressive_mode_psk': True}


def row(name, mode='main', ike=IKE, both=None, **more):
    return Tunnel(f'{name}-{mode}', ike=ike, esp='aes128-sha256',
                  both={'version': 1, 'aggressive': mode == 'aggressive', **(both or {})},
                  sun_settings=SETTINGS, **more)


TUNNELS = [
    row('psk', 'aggressive'),
    *(row(auth, mode, auth=auth) for auth in ('rsa', 'ecdsa') for mode in MODES),
    row('ecdsa384', auth='ecdsa384', ike='aes256-sha384-ecp384'),
    row('ecdsa521', auth='ecdsa521', ike='aes256-sha512-ecp521'),
    row('rsa-sha1', auth='rsa', ike='3des-sha1-modp1024'),
    row('ecdsa-sha1', auth='ecdsa', ike='aes128-sha1-modp2048'),
    row('rsa-distinguished-names', auth='rsa', moon={'local.id': None, 'remote.id': 'C=CH, O=tern, CN=sun.tern.test'},
        sun={'local.id': 'C=CH, O=tern, CN=sun.tern.test', 'remote.id': 'C=CH, O=tern, CN=moon.tern.test'}),
    row('rsa-by-identity', auth='rsa', moon={'local.certs': None}),
]


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', TUNNELS, ids=str)
def test_tunnel(bench, tunnel, first):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='charon')))
    with bench.wire() as wire:
        ends[first].up()
        bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    assert all(end.the_ike()['version'] == '1' for end in ends.values())
    wire.assert_only_encrypted()


CHAINS = [row('chain', mode, auth='chain', both={'fragmentation': True}) for mode in MODES]


@pytest.mark.parametrize('first', ENDS)
@pytest.mark.parametrize('tunnel', CHAINS, ids=str)
def test_a_long_chain_goes_in_fragments(bench, tunnel, first):
    ends = dict(zip(ENDS, bench.start(tunnel, moon='tern', sun='charon')))
    with bench.wire() as wire:
        ends[first].up()
        bench.ping_both_ways()
    assert_agreement(ends['tern'], ends['charon'], tunnel)
    pieces = [frame for frame in wire.frames if frame.ike and frame.ike.first_payload == 132]
    assert {frame.source for frame in pieces} == {'172.16.1.1', '172.16.2.1'}, 'expected fragments of both ends'
    assert not any(frame.fragment for frame in wire.frames), 'expected no IP fragments'
    assert 'octets together from' in ends['tern'].output()


# What goes wrong is told with the line that decides, as in IKEv2. IKEv1 tells it to the peer in the clear, or not at all,
# so the peer goes on until its patience ends: make that short.
IMPATIENT = {'retransmit_tries': 2, 'retransmit_timeout': 1, 'retransmit_base': 1}


@dataclasses.dataclass
class Failure:
    """What is wrong is always at charon's end."""
    tunnel: Tunnel
    begun: str      # what ternd says where it began
    answered: str   # and where it answered
    notify: str     # what charon hears of it then; '' where it can't read why
    decides: tuple = ('connections.site.remote', 'connections.site.remote.auth', 'connections.site.remote.id')

    def __str__(self):
        return self.tunnel.name


def wrong(name, *rest, mode='main', decides=Failure.decides, **more):
    failure = Failure(row(name, mode, **more), *rest, decides)
    failure.tunnel.settings = IMPATIENT
    return failure


STRANGER = {'local.id': 'stranger.tern.test', '/secrets.ike-site.id-1': None, '/secrets.ike-site.id-2': None}
DIFFERENT = {'/secrets.ike-site.secret': 'quite another'}
FAILURES = [
    wrong('wrong-psk', 'different pre-shared keys', "message 5 can't be decrypted: .*different pre-shared keys", '',
          sun=DIFFERENT),
    wrong('wrong-psk', 'compare the secrets of both ends', 'different pre-shared keys', '', mode='aggressive',
          sun=DIFFERENT, decides=()),
    wrong('no-common-proposal', 'refused with NO_PROPOSAL_CHOSEN',
          'they offer .*AES_CBC-256.* by pre-shared key; we want aes128-sha256-x25519', 'NO_PROP',
          sun={'proposals': 'aes256-sha512-modp2048'}, decides=('connections.site.proposals', 'connections.site')),
    wrong('unknown-identity', r'says that it is stranger\.tern\.test', r'for the peer stranger\.tern\.test', '',
          sun=STRANGER),
    wrong('unknown-identity', r'says that it is stranger\.tern\.test', r'for the peer stranger\.tern\.test', 'AUTH_FAILED',
          mode='aggressive', sun=STRANGER),
    wrong('expired-certificate', '(?i)expire|not.?after|valid', '(?i)expire|not.?after|valid', '', auth='ecdsa',
          expired='sun'),
    wrong('foreign-certificate', r'does not lead to one of our 1 trusted CAs', r'does not lead to one of our 1 trusted CAs',
          '', auth='rsa', foreign='sun'),
    wrong('secret-for-certificate', 'refused with AUTHENTICATION_FAILED', 'they offer .* by RSA signature; .* by pre-shared key',
          'NO_PROP', auth='psk', sun={'local.auth': 'pubkey', 'remote.auth': 'pubkey'},
          decides=('connections.site.local.auth', 'connections.site')),
]
FAILURES[-1].tunnel.install_credentials = lambda certificates, host, directory: certificates.install(
    certificates.authority('rsa'), host, directory)


def assert_names_the_line(text, tern, failure):
    lines = {tern.conf.at[key] for key in failure.decides}
    named = {int(number) for number in re.findall(r'swanctl\.conf:(\d+)', text)}
    assert not lines or named & lines, f'names the lines {sorted(named)} of swanctl.conf, but one of {sorted(lines)} decides'


@pytest.mark.parametrize('failure', FAILURES, ids=str)
def test_tern_begins_and_says_why(bench, failure):
    tern, charon = bench.start(failure.tunnel, moon='tern', sun='charon')
    result = tern.up(check=False)
    assert result.returncode != 0 and not tern.children() and not charon.children()
    assert re.search(failure.begun, result.stdout), result.stdout
    assert_names_the_line(result.stdout, tern, failure)


@pytest.mark.parametrize('failure', FAILURES, ids=str)
def test_tern_answers_and_says_why(bench, failure):
    tern, charon = bench.start(failure.tunnel, moon='tern', sun='charon')
    result = charon.up(check=False)
    assert result.returncode != 0 and not tern.children() and not charon.children()
    wait_for(lambda: re.search(failure.answered, tern.output()), f'ternd to say {failure.answered}')
    assert_names_the_line(tern.output(), tern, failure)
    if failure.notify:
        charon.wait_log(rf'parsed INFORMATIONAL_V1 request \d+ \[ N\({failure.notify}\)')
