"""What goes wrong between ternd (on moon) and charon (on sun) is told: to the peer by the RFC's notify, and to the
people who run ternd by its log and by `tern up`: what was offered, what was wanted, and the line of the
configuration that decides."""

import dataclasses
import re

import pytest

from lab import Tunnel, eventually, wait_for

AUTHENTICATION_FAILED = r'AUTH(ENTICATION)?_FAILED'
ESP_CBC, IKE_CBC = 'aes256-sha256', 'aes256-sha256-modp2048'


@dataclasses.dataclass
class Failure:
    """A tunnel that must not come up; what is wrong is always at charon's end."""
    tunnel: Tunnel
    notify: str
    decides: tuple         # the keys of ternd's configuration whose line may be named, or sections of such keys
    offered: str = ''      # patterns that ternd must name where it is the one who judges
    wanted: str = ''
    ours: str = ''         # and what it must name where charon judges
    judge: str = 'charon'  # who judges when tern begins

    def __str__(self):
        return self.tunnel.name


FAILURES = [
    Failure(Tunnel('wrong-psk', sun={'/secrets.ike-site.secret': 'quite another'}),
            AUTHENTICATION_FAILED, ('secrets.ike-site', 'connections.site.remote', 'connections.site.local'),
            offered=r'sun\.tern\.test', wanted=r'(?i)psk|secret|shared', ours=AUTHENTICATION_FAILED),
    Failure(Tunnel('unknown-identity', sun={'local.id': 'stranger.tern.test', '/secrets.ike-site.id-2': None,
                                            '/secrets.ike-site.id-1': None}),
            AUTHENTICATION_FAILED, ('connections.site.remote',),
            offered=r'stranger\.tern\.test', wanted=r'sun\.tern\.test', ours=AUTHENTICATION_FAILED),
    Failure(Tunnel('expired-certificate', auth='ecdsa', expired='sun'),
            AUTHENTICATION_FAILED, ('connections.site.remote',),
            offered=r'sun\.tern\.test', wanted=r'(?i)expire|not.?after|valid', judge='tern'),
    Failure(Tunnel('foreign-certificate', auth='ecdsa', foreign='sun'),
            AUTHENTICATION_FAILED, ('connections.site.remote',),
            offered=r'sun\.tern\.test|foreign', wanted=r'(?i)issuer|trust|anchor|CA\b|x509ca', judge='tern'),
    Failure(Tunnel('no-common-ike-proposal', sun={'proposals': IKE_CBC}),
            'NO_PROPOSAL_CHOSEN', ('connections.site.proposals',),
            offered=r'(?i)aes.?(cbc|256)', wanted=r'(?i)aes.?(gcm|128gcm)', ours=r'(?i)aes.?(gcm|128gcm)'),
    Failure(Tunnel('no-common-esp-proposal', sun={'children.net.esp_proposals': ESP_CBC}),
            'NO_PROPOSAL_CHOSEN', ('connections.site.children.net.esp_proposals',),
            offered=r'(?i)aes.?(cbc|256)', wanted=r'(?i)aes.?(gcm|128gcm)', ours=r'(?i)aes.?(gcm|128gcm)'),
    Failure(Tunnel('no-common-selector', sun={'children.net.local_ts': '10.77.0.0/24'}),
            'TS_UNACCEPTABLE', ('connections.site.children.net.remote_ts', 'connections.site.children.net.local_ts',
                                'connections.site.children.net'),
            offered=r'10\.77\.0\.0/24', wanted=r'10\.2\.0\.0/24', ours=r'10\.2\.0\.0/24'),
]


def assert_names_the_line(text, tern, failure):
    lines = {line for key, line in tern.conf.at.items()
             if any(key == path or key.startswith(path + '.') for path in failure.decides)}
    named = {int(number) for number in re.findall(r'swanctl\.conf:(\d+)', text)}
    assert named & lines, f'names the lines {sorted(named)} of swanctl.conf, but one of {sorted(lines)} decides'


def assert_says(text, *patterns):
    for pattern in patterns:
        found = re.search(pattern, text) is not None
        assert found, f'says nothing of /{pattern}/:\n' + '\n'.join(text.splitlines()[-30:])


def assert_tells(text, tern, failure, patterns):
    assert_says(text, *patterns)
    assert_names_the_line(text, tern, failure)


@pytest.mark.parametrize('failure', FAILURES, ids=str)
def test_tern_begins_and_says_why(bench, failure):
    tern, charon = bench.start(failure.tunnel, moon='tern', sun='charon')
    result = tern.up(check=False)
    assert result.returncode != 0, f'tern up must fail:\n{result.stdout}'
    wait_for(lambda: not tern.children() and not charon.children(), 'charon, too, to have no child')
    patterns = (failure.offered, failure.wanted) if failure.judge == 'tern' else (failure.notify, failure.ours)
    assert_tells(result.stdout, tern, failure, patterns)
    eventually(lambda: assert_tells(tern.output(), tern, failure, patterns))
    if failure.judge == 'tern':
        charon.wait_log(rf'parsed INFORMATIONAL request \d+ \[ (N\({AUTHENTICATION_FAILED}\)|D)')


@pytest.mark.parametrize('failure', FAILURES, ids=str)
def test_tern_responds_and_says_why(bench, failure):
    tern, charon = bench.start(failure.tunnel, moon='tern', sun='charon')
    result = charon.up(check=False)
    assert result.returncode != 0
    wait_for(lambda: not tern.children() and not charon.children(), 'both to have no child')
    charon.wait_log(rf'received {failure.notify} notify')
    eventually(lambda: assert_tells(tern.output(), tern, failure, (failure.offered, failure.wanted)))
