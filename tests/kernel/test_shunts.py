"""Shunts as policies of the kernel's, beside a tunnel to charon."""

import re

from lab import INNER, Tunnel
from test_xfrm import CHARON, assert_leaves_nothing, xfrm


def test_pass_and_drop_beside_a_tunnel(bench):
    """A pass comes before the tunnel and its routes, a drop with a priority too, and each goes when it is lifted."""
    shunts = {'children.clear': {'mode': 'pass', 'start_action': 'trap', 'local_ts': '10.1.0.0/24', 'remote_ts': '10.2.0.10/32[icmp]'},
              'children.never': {'mode': 'drop', 'priority': 9, 'local_ts': '10.1.0.0/24', 'remote_ts': '10.2.0.0/24'}}
    ways = (('10.1.0.0/24', '172.16.1.1'), ('10.2.0.0/24', '172.16.2.1'))
    moon, sun = bench.prepare(Tunnel('shunts', moon=shunts, moon_settings={'data_plane': 'kernel'}, sun_settings=CHARON),
                              moon='tern', sun='charon')
    for network, gateway in ways:
        bench.lab['router'].run('ip', 'route', 'add', network, 'via', gateway)
    try:
        for daemon in (moon, sun):
            daemon.start()
        assert len(re.findall('dir (?:in|out|fwd) action block', xfrm(moon.host))) == 0
        moon.up()
        assert 'goto 223' in moon.host.run('ip', 'rule').stdout
        with bench.wire() as wire:
            bench.lab.ping('alice', INNER['bob', 4], '-W', '0.5', count=1)
            wire.until(wire.plain, 'the ping in the clear')
        moon.swanctl('--uninstall', '--child', 'clear')
        with bench.wire() as wire:
            bench.ping_both_ways()
        wire.assert_only_encrypted(protocol=50)
        moon.swanctl('--install', '--child', 'never')
        assert len(re.findall('dir (?:in|out|fwd) action block', xfrm(moon.host))) == 3
        with bench.wire() as wire:
            assert bench.lab.ping('alice', INNER['bob', 4], '-W', '0.5', count=1).returncode != 0
        assert not wire.plain() and not wire.of('esp')
        moon.swanctl('--uninstall', '--child', 'never')
        bench.ping_both_ways()
        assert_leaves_nothing(moon)
    finally:
        for network, _ in ways:
            bench.lab['router'].run('ip', 'route', 'del', network)
