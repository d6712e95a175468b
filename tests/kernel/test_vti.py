"""Route-based tunnels: what VTI devices send has their mark, and the policies take nothing else."""

import pytest

from lab import INNER, OUTER, Tunnel, wait_for

from test_xfrm import CHARON, assert_leaves_nothing, xfrm

MARKED = {'children.net.mark_in': '42', 'children.net.mark_out': '42', 'children.net.local_ts': ['0.0.0.0/0'],
          'children.net.remote_ts': ['0.0.0.0/0']}


@pytest.fixture(autouse=True)
def devices(bench):
    """One for each end, with a route to the other site: all else goes its own way."""
    hosts = [(bench.lab['moon'], 'moon', 'sun', '10.2.0.0/24'), (bench.lab['sun'], 'sun', 'moon', '10.1.0.0/24')]
    for host, own, peer, there in hosts:
        host.run('sh', '-c', f'ip link add vti1 type vti local {OUTER[own, 4]} remote {OUTER[peer, 4]} key 42 && '
                 f'sysctl -q -w net.ipv4.conf.vti1.disable_policy=1 && ip link set vti1 up && ip route add {there} dev vti1')
    yield
    for host, *_ in hosts:
        host.run('ip', 'link', 'del', 'vti1')


def start(bench, name, peer='charon', moon=None, **more):
    row = Tunnel(name, moon={**MARKED, **(moon or {})}, moon_settings={'data_plane': 'kernel'},
                 sun_settings={**CHARON, 'install_routes': False} if peer == 'charon' else {}, **more)
    return bench.start(row, moon='tern', sun=peer)


def assert_carries(bench):
    """What is routed to the device is encrypted; between the outer addresses, which fit the selectors, nothing is."""
    assert bench.lab.ping('moon', OUTER['sun', 4], count=1).returncode == 0
    with bench.wire() as wire:
        bench.ping_both_ways()
    wire.assert_only_encrypted(protocol=50)


def test_charon(bench):
    tern, charon = start(bench, 'vti', sun=MARKED)
    tern.up()
    assert_carries(bench)
    ours, theirs = tern.the_child(), charon.the_child()
    assert ours['mark-in'] == ours['mark-out'] == '0000002a'
    assert [key for key in ours if key.startswith('mark')] == [key for key in theirs if key.startswith('mark')]
    tern.rekey_child()
    wait_for(lambda: all(child['spi-in'] != ours['spi-in'] for child in tern.children()), 'new keys')
    assert_carries(bench)
    assert xfrm(tern.host).count('mark 0x2a/0xffffffff') >= 4
    assert_leaves_nothing(tern)


def test_a_packet_into_it_brings_the_tunnel_up(bench):
    """A mark of our choosing, which is the device's: the first that is unique is 1."""
    for host in 'moon', 'sun':
        bench.lab[host].run('ip', 'link', 'change', 'vti1', 'type', 'vti', 'key', '1')
    tern, _ = start(bench, 'vti-trap', sun={**MARKED, 'children.net.mark_in': '1', 'children.net.mark_out': '1'},
                    moon={'children.net.mark_in': '%unique', 'children.net.mark_out': '%unique',
                          'children.net.start_action': 'trap'})
    wait_for(lambda: bench.lab.ping('alice', INNER['bob', 4], '-W', '1', count=1).returncode == 0, 'a packet to pass')
    assert tern.the_child()['mark-out'] == '00000001'
    assert_carries(bench)
    tern.end_ike()
    wait_for(lambda: not tern.sas(), 'the tunnel to go')
    assert_leaves_nothing(tern)


def test_pluto(bench):
    tern, _ = start(bench, 'vti-pluto', 'pluto', sun=MARKED, pluto={'mark': '42/0xffffffff'})
    tern.up()
    assert_carries(bench)
    assert_leaves_nothing(tern)
