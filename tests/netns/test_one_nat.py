"""Several clients behind one NAT, in transport mode, as L2TP's are: to the server they have one address and maybe one port.

    alice 10.1.0.10 -- moon 172.16.1.1 -- router, which translates -- sun 172.16.2.1, the server
    ternd              ternd                                          ternd
"""

import signal

import pytest

from lab import OUTER, wait_for
from lab.daemons import Tern
from lab.l2tp import L2tp

ANSWERS = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("172.16.2.1", 1701))
print("ready", flush=True)
while True:
    said, whence = s.recvfrom(100)
    s.sendto(said + b" at " + str(whence).encode(), whence)
"""

# Until each question has its answer; and none is somebody else's.
ASKS = """
import socket, sys, time
address, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((address, port))
s.settimeout(5)
for i in range(20):
    said, answer = f"{name} {i}".encode(), b""
    while not answer.startswith(said + b" at "):
        s.sendto(said, ("172.16.2.1", 1701))
        try:
            answer = s.recv(200)
            assert answer.startswith(name.encode() + b" "), answer
        except TimeoutError:
            pass
    time.sleep(0.01)
print(answer.decode().split(" at ")[1])
"""


# As in docs/l2tp.md.
NEVER_IN_THE_CLEAR = """
table inet l2tp {
    chain input {
        type filter hook input priority filter
        udp dport 1701 iifname != "tern0" drop
    }
    chain output {
        type filter hook output priority filter
        udp sport 1701 oifname != "tern0" drop
    }
}
"""


@pytest.fixture
def site(bench):
    """The router translates, and knows the way to alice; the server speaks L2TP through IPsec alone."""
    bench.lab.hide('moon')
    bench.lab['router'].run('ip', 'route', 'add', '10.1.0.0/24', 'via', OUTER['moon', 4])
    bench.lab['sun'].run('nft', '-f', '-', input=NEVER_IN_THE_CLEAR)
    yield bench
    bench.lab['sun'].run('nft', 'flush', 'ruleset')
    bench.lab['router'].run('ip', 'route', 'del', '10.1.0.0/24')


def start(bench, **tunnels):
    return {host: Tern(bench.lab, host, tunnel, bench.certificates).start() for host, tunnel in tunnels.items()}


def serve(bench):
    server = bench.lab['sun'].start('/usr/bin/python3', '-c', ANSWERS, log=bench.lab.fresh_log('answers'))
    bench.lab.helpers.append(server)
    wait_for(lambda: 'ready' in server.output(), 'the server to listen')
    return server


def ask(bench, host, address, port):
    asking = bench.lab[host].start('/usr/bin/python3', '-c', ASKS, address, port, host,
                                   log=bench.lab.fresh_log(f'asks-{host}'))
    bench.lab.helpers.append(asking)
    return asking


def answered(asking):
    assert asking.popen.wait(60) == 0, asking.output()
    return asking.output().strip()


@pytest.mark.parametrize('version', [1, 2], ids=['ikev1', 'ikev2'])
def test_two_clients_with_the_same_port(site, version):
    l2tp = L2tp(version)
    ends = start(site, sun=l2tp, moon=l2tp, alice=l2tp)
    with site.wire() as wire:
        for client in ('moon', 'alice'):
            ends[client].up()
        serve(site)
        for rekeys in (('moon', 'alice'), ('sun',), ()):
            asking = [ask(site, 'moon', '172.16.1.1', 1701), ask(site, 'alice', '10.1.0.10', 1701)]
            seen = {answered(each) for each in asking}
            assert len(seen) == 2 and "('172.16.2.254', 1701)" in seen, seen
            for end in rekeys:
                ends[end].rekey_child()
    wire.assert_only_encrypted(protocol=17)
    assert len(ends['sun'].established()) == 2


def test_two_clients_with_different_ports(site):
    ends = start(site, sun=L2tp(), moon=L2tp(port=40001), alice=L2tp(port=40002))
    with site.wire() as wire:
        for client in ('moon', 'alice'):
            ends[client].up()
        serve(site)
        asking = [ask(site, 'moon', '172.16.1.1', 40001), ask(site, 'alice', '10.1.0.10', 40002)]
        assert [answered(each) for each in asking] == [f"('172.16.2.254', {port})" for port in (40001, 40002)]
    wire.assert_only_encrypted(protocol=17)


def test_what_has_other_ports_goes_as_ever(site):
    """The server is asked in the clear from behind the same NAT, and by a client with an SA, RFC 3948 §5.2."""
    ends = start(site, sun=L2tp(), moon=L2tp())
    ends['moon'].up()
    serve(site)
    answered(ask(site, 'moon', '172.16.1.1', 1701))
    for host in ('moon', 'alice'):
        ping = site.lab.ping(host, OUTER['sun', 4])
        assert ping.returncode == 0, ping.stdout
        site.lab.transfer(1_000_000, source=host, target='sun', address=OUTER['sun', 4])
    assert 20 <= int(ends['sun'].the_child()['packets-in']) < 100
    rules = site.lab['sun'].run('ip', 'rule').stdout
    assert 'sport 1701' in rules and 'ipproto udp' in rules, rules
    ends['moon'].end(signal.SIGKILL)
    ends['moon'].start()
    assert 'ipproto' not in site.lab['moon'].run('ip', 'rule').stdout
    ends['sun'].end_ike('l2tp')
    wait_for(lambda: 'ipproto' not in site.lab['sun'].run('ip', 'rule').stdout, 'the rule to go')
