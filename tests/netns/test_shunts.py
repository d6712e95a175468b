"""Shunts beside a tunnel: what passes leaves in the clear around ternd's device, and what is dropped goes nowhere."""

import re
import signal

import pytest

from lab import INNER, Tunnel, wait_for
from lab.vici import Vici


def shunt(name, mode, **more):
    keys = {'mode': mode, 'start_action': 'trap', **more}
    return {f'children.{name}.{key}': value for key, value in keys.items()}


def rules(host, family=4):
    return host.run('ip', f'-{family}', 'rule').stdout


def listen(lab, port):
    """Somebody on bob who keeps the datagrams that come to a port."""
    log = lab.fresh_log(f'udp{port}')
    program = f"import socket; s = socket.socket(2, 2); s.bind(('', {port})); print('ready', flush=True)\nwhile True: print(s.recv(99), flush=True)"
    server = lab['bob'].start('python3', '-c', program, log=log)
    lab.helpers.append(server)
    wait_for(lambda: 'ready' in server.output(), 'bob to listen')
    return server


def dropped(tern, name):
    with Vici(tern.socket) as vici:
        found = [policy for message in vici.stream('list-policies', 'list-policy', drop='yes') for policy in message.values()]
    return [int(policy['dropped']) for policy in found if policy['child'] == name]


@pytest.fixture
def around(bench):
    """Ways for what is in the clear: the router knows the sites' networks."""
    ways = (('10.1.0.0/24', '172.16.1.1'), ('10.2.0.0/24', '172.16.2.1'))
    for network, gateway in ways:
        bench.lab['router'].run('ip', 'route', 'add', network, 'via', gateway)
    yield
    for network, _ in ways:
        bench.lab['router'].run('ip', 'route', 'del', network)


def test_ports_pass_in_the_clear(bench, around):
    passes = {'local_ts': '10.1.0.0/24[udp]', 'remote_ts': '10.2.0.0/24[udp/5000-5001]'}
    moon, _ = bench.start(Tunnel('pass', moon=shunt('clear', 'pass', **passes)), moon='tern', sun='charon')
    moon.up()
    server = listen(bench.lab, 5000)
    with bench.wire() as wire:
        bench.ping_both_ways()
        bench.lab.send('alice', INNER['bob', 4], 5000, b'clear')
        wait_for(lambda: 'clear' in server.output(), 'the datagram')
    assert wire.of('esp')
    assert len(wire.plain()) == 1, wire.plain()
    assert re.search('site/clear, PASS', moon.swanctl('--list-pols').stdout)
    before = rules(bench.lab['moon'])
    assert 'dport 5000-5001 goto 223' in before, before
    moon.swanctl('--uninstall', '--child', 'clear')
    assert 'goto' not in rules(bench.lab['moon'])
    with bench.wire() as wire:
        bench.lab.send('alice', INNER['bob', 4], 5000, b'sealed')
        wait_for(lambda: 'sealed' in server.output(), 'the datagram')
    wire.assert_only_encrypted()


def test_drop_counts_and_leaves_the_rest(bench, around):
    drops = {'local_ts': '10.1.0.0/24', 'remote_ts': '10.2.0.0/24[udp/5000]', 'priority': 1}
    moon, _ = bench.start(Tunnel('drop', moon=shunt('never', 'drop', **drops)), moon='tern', sun='charon')
    moon.up()
    server = listen(bench.lab, 5000)
    with bench.wire() as wire:
        bench.lab.send('alice', INNER['bob', 4], 5000, b'never')
        bench.ping_both_ways()
        wait_for(lambda: dropped(moon, 'never') == [1], 'the drop to be counted')
    wire.assert_only_encrypted()
    assert 'never' not in server.output()


def test_drop_where_no_tunnel_is(bench, around):
    """Also: rules and routes go with ternd, and after a crash with the next one."""
    drops = {'local_ts': '0.0.0.0/0, ::/0', 'remote_ts': '10.2.0.0/24, fd00:10:2::/64'}
    passes = {'local_ts': '10.1.0.0/24', 'remote_ts': '10.2.1.0/24'}
    moon = bench.prepare(Tunnel('drop-all', moon={**shunt('never', 'drop', **drops), **shunt('clear', 'pass', **passes)}),
                         moon='tern', sun='charon')[0]
    moon.start()
    with bench.wire() as wire:
        for family in 4, 6:
            assert bench.lab.ping('alice', INNER['bob', family], '-W', '0.5').returncode != 0
    assert not wire.plain()
    moon.end(signal.SIGKILL)
    for family in 4, 6:
        assert 'lookup 223' in rules(bench.lab['moon'], family)
    moon.start()
    for family in 4, 6:
        assert rules(bench.lab['moon'], family).count('lookup 223') == 1
    assert rules(bench.lab['moon']).count('goto') == 1
    moon.leave()
    for family in 4, 6:
        assert '223' not in rules(bench.lab['moon'], family)
    with bench.wire() as wire:
        bench.lab.ping('alice', INNER['bob', 4], '-W', '0.5')
        wire.until(wire.plain, 'the ping in the clear')


def test_what_rules_cannot_say_is_refused(bench):
    passes = {'local_ts': '10.1.0.0/24[udp]', 'remote_ts': '10.2.0.0/24[udp/60000-65535]'}
    moon = bench.prepare(Tunnel('ports', moon=shunt('clear', 'pass', **passes)), moon='tern', sun='charon')[0]
    moon.start()
    moon.wait_log(r'refused the shunt \(\S+swanctl.conf:\d+\): routing rules can\'t say these ports')
    assert 'clear' not in moon.swanctl('--list-pols').stdout
