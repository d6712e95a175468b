"""ternd with the kernel's data plane (on moon) against charon and pluto with theirs (on sun)."""

import re
import signal

from lab import INNER, OUTER, Tunnel, wait_for
from lab.daemons import PLUGINS

CHARON = {'load': PLUGINS.replace('kernel-libipsec ', '')}
THEIRS = ('ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x999 reqid 1 mode tunnel '
          f'aead "rfc4106(gcm(aes))" 0x{"33" * 20} 128; '
          'ip xfrm policy add src 192.0.2.0/28 dst 198.51.100.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp '
          'reqid 1 mode tunnel')


def start(bench, name, peer='charon', **more):
    row = Tunnel(name, moon_settings={'data_plane': 'kernel'}, sun_settings=CHARON if peer == 'charon' else {}, **more)
    moon, sun = bench.start(row, moon='tern', sun=peer)
    assert "the kernel's data plane" in moon.output()
    return moon, sun


def xfrm(host):
    """What is in the kernel of a host, without what each socket has."""
    found = host.run('sh', '-c', 'ip xfrm state; ip xfrm policy').stdout
    return re.sub(r'^src \S+ dst \S+ *\n\tsocket .*\n', '', found, flags=re.MULTILINE)


def assert_leaves_nothing(tern):
    assert xfrm(tern.host)
    tern.leave()
    assert not xfrm(tern.host)


def test_tunnel(bench):
    """Also: counters, and others' states and policies, which outlast a crash of ours and the next start."""
    moon = bench.lab['moon']
    moon.run('sh', '-c', THEIRS)
    try:
        theirs = xfrm(moon)
        tern, charon = start(bench, 'psk')
        tern.up()
        with bench.wire() as wire:
            bench.ping_both_ways()
        wire.assert_only_encrypted(protocol=50)
        child = tern.the_child()
        assert int(child['packets-in']) > 0 and int(child['packets-out']) > 0, child
        tern.end(signal.SIGKILL)
        assert child['spi-in'] in xfrm(moon)
        tern.start()
        assert xfrm(moon) == theirs
        tern.up()
        bench.ping_both_ways()
        tern.leave()
        assert xfrm(moon) == theirs
    finally:
        moon.run('sh', '-c', 'ip xfrm state flush; ip xfrm policy flush')


def test_rekeying_behind_a_nat(bench):
    bench.lab.hide('moon')
    tern, _ = start(bench, 'nat', 'pluto', esp='aes128-sha256', sun={'remote_addrs': '%any'})
    with bench.wire() as wire:
        tern.up()
        before = tern.the_child()
        pings = bench.lab.start_pings('alice', INNER['bob', 4])
        tern.rekey_child()
        wait_for(lambda: all(child['spi-in'] != before['spi-in'] for child in tern.children()), 'new keys')
        lost = pings.lost()
    assert not lost, pings.output()
    wire.assert_only_encrypted(protocol=17)
    assert_leaves_nothing(tern)


def test_packets_bring_it_up_and_their_number_new_keys(bench):
    tern, _ = start(bench, 'trap', esp='aes256-sha512-esn',
                    moon={'children.net.start_action': 'trap', 'children.net.rekey_packets': 12, 'children.net.rand_packets': 0,
                          'children.net.life_packets': 1000, 'children.net.replay_window': 128})
    with bench.wire() as wire:
        wait_for(lambda: bench.lab.ping('alice', INNER['bob', 4], '-W', '1', count=1).returncode == 0, 'a packet to pass')
        before = tern.the_child()
        assert before['esn'] == '1', before
        assert bench.lab.ping('alice', INNER['bob', 4], count=20).returncode == 0
        wait_for(lambda: all(child['spi-in'] != before['spi-in'] for child in tern.children()), 'new keys')
    wire.assert_only_encrypted(protocol=50)
    tern.end_ike()
    wait_for(lambda: not tern.sas(), 'the tunnel to go')
    assert 'dir out' in xfrm(tern.host)
    assert_leaves_nothing(tern)


def test_transport_mode(bench):
    tern, _ = start(bench, 'transport', both={'children.net.mode': 'transport', 'children.net.local_ts': None,
                                              'children.net.remote_ts': None})
    tern.up()
    with bench.wire() as wire:
        for source, target in (('moon', 'sun'), ('sun', 'moon')):
            there = bench.lab.ping(source, OUTER[target, 4])
            assert there.returncode == 0, there.stdout
    assert tern.the_child()['mode'] == 'TRANSPORT'
    wire.assert_only_encrypted(protocol=50)
    assert_leaves_nothing(tern)


def test_a_device_without_esp_and_policies_that_drop(bench):
    """hw_offload, which veth hasn't: auto does without, yes is refused. policies_fwd_out lets what is forwarded into the tunnel
    by somebody's policy that drops it."""
    tern, _ = start(bench, 'offload', moon={'children.net.hw_offload': 'auto', 'children.net.policies_fwd_out': True,
                                            'children.hard.hw_offload': True, 'children.hard.local_ts': '10.1.1.0/24',
                                            'children.hard.remote_ts': '10.2.1.0/24', 'children.hard.esp_proposals': 'aes128gcm16'},
                    sun={'children.hard.local_ts': '10.2.1.0/24', 'children.hard.remote_ts': '10.1.1.0/24',
                         'children.hard.esp_proposals': 'aes128gcm16'})
    block = 'dir fwd dst 10.2.0.0/16 priority 2000000000'
    tern.host.run('sh', '-c', f'ip xfrm policy add {block} action block')
    try:
        tern.up()
        bench.ping_both_ways()
        assert 'is not offloaded' in tern.output()
        tern.host.run('sh', '-c', 'ip xfrm policy del dir fwd src 10.1.0.0/24 dst 10.2.0.0/24')
        assert bench.lab.ping('alice', INNER['bob', 4], '-W', '1', count=1).returncode != 0
        tern.up('hard', check=False)
        tern.wait_log(r"hard/\d+ failed: .*device of our address can't do this ESP \(.*swanctl.conf:\d+ has hw_offload")
        wait_for(lambda: len(tern.children()) == 1, 'what was refused to go')
    finally:
        tern.host.run('sh', '-c', 'ip xfrm policy del dir fwd dst 10.2.0.0/16')
    assert_leaves_nothing(tern)


def test_it_moves_to_another_address(bench):
    """MOBIKE: keys and counters go on, with other outer addresses."""
    moon = bench.lab['moon']
    device = re.search(rf'\d+: (\S+) +inet {OUTER["moon", 4]}/', moon.run('ip', '-o', '-4', 'address').stdout)[1]
    moon.run('ip', 'address', 'add', '172.16.1.77/24', 'dev', device)
    try:
        tern, _ = start(bench, 'mobike', moon={'local_addrs': '%any'}, sun={'remote_addrs': '%any'})
        tern.up()
        bench.ping_both_ways()
        before = tern.the_child()
        used = tern.the_ike()['local-host']
        moon.run('ip', 'address', 'del', f'{used}/24', 'dev', device)
        wait_for(lambda: tern.the_ike()['local-host'] != used, 'another address')
        wait_for(lambda: bench.lab.ping('alice', INNER['bob', 4], count=1).returncode == 0, 'packets to pass again')
        child = tern.the_child()
        assert child['spi-in'] == before['spi-in'] and int(child['packets-in']) > int(before['packets-in'])
        assert used not in xfrm(moon)
        assert_leaves_nothing(tern)
    finally:
        moon.run('sh', '-c', f'ip address del 172.16.1.77/24 dev {device}; ip address replace {OUTER["moon", 4]}/24 dev {device}; '
                 'ip route replace default via 172.16.1.254 2>/dev/null; true')
