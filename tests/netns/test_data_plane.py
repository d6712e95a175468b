"""Which data plane ternd takes, on this machine, whose kernel may have ESP or not; tests/kernel has one that does."""

import re

import pytest

from lab import Tunnel
from lab.network import LabError


def has_esp(host):
    """Whether a state can be made by hand, with what `auto` wants."""
    algorithms = ('aead "rfc4106(gcm(aes))" 0x' + '11' * 20 + ' 128', 'enc "cbc(aes)" 0x' + '11' * 16
                  + ' auth-trunc "hmac(sha256)" 0x' + '11' * 32 + ' 128')
    try:
        made = [host.run('ip', 'xfrm', 'state', 'add', 'src', address, 'dst', address, 'proto', 'esp', 'spi', f'0x99{number}', 'mode',
                         'tunnel', *re.findall(r'[^\s"]+', words), check=False).returncode == 0
                for address in ('192.0.2.1', '2001:db8::1') for number, words in enumerate(algorithms)]
    finally:
        host.run('ip', 'xfrm', 'state', 'flush', check=False)
    return all(made), any(made)


def test_auto_takes_what_there_is(bench):
    moon, _ = bench.prepare(Tunnel('auto', settings={'data_plane': 'auto'}))
    moon.start()
    plane = "the kernel's" if has_esp(moon.host)[0] else 'user-space'
    assert re.search(rf'ternd \S+: .*{plane} data plane', moon.output()), moon.output()
    assert 'XFRM' not in moon.output() and 'no ESP' not in moon.output(), moon.output()


def test_kernel_without_esp_says_why(bench):
    moon, _ = bench.prepare(Tunnel('kernel', settings={'data_plane': 'kernel'}))
    if has_esp(moon.host)[1]:
        pytest.skip('this kernel has ESP: see tests/kernel')
    with pytest.raises(LabError, match='ended at once'):
        moon.start()
    assert re.search('data_plane = kernel: .*; say auto or user for ESP in user space', moon.output()), moon.output()
    moon.process = None
