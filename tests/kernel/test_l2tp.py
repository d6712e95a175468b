"""L2TP over IPsec (RFC 3193) with xl2tpd and pppd at both ends. At one end ternd with its own ESP protects it; at the other ternd,
or charon with the kernel's ESP. The kernel has the PPP devices, and through them packets are to get.

    alice (10.1.0.10) -- moon (172.16.1.1) -- router -- sun (172.16.2.1, PPP 10.9.0.1) -- bob (10.2.0.10)
"""

import pytest

from lab import INNER, OUTER
from lab.capture import Wire
from lab.daemons import Charon, Tern
from lab.l2tp import SERVER_ADDRESS, L2tp, Xl2tpd


class KernelCharon(Charon):
    """charon with the ESP of the guest's kernel."""
    plugins = Charon.plugins.replace('kernel-libipsec ', '')

    def end(self, *arguments):
        code = super().end(*arguments)
        self.host.run('sh', '-c', 'ip xfrm state flush; ip xfrm policy flush')
        return code


DAEMONS = {'tern': Tern, 'charon': KernelCharon}


class Site:
    """What a test starts; L2TP ends before what protects it."""

    def __init__(self, bench):
        self.lab, self.bench, self.l2tp = bench.lab, bench, {}

    def start(self, sun='tern', **clients):
        """The server, and the clients: ternd's SA comes with the first packet, charon's is told to."""
        ends = {'sun': DAEMONS[sun](self.lab, 'sun', L2tp(), self.bench.certificates).start()}
        for host, kind in clients.items():
            l2tp = L2tp(changes={'children.net.start_action': 'trap' if kind == 'tern' else 'none'})
            ends[host] = DAEMONS[kind](self.lab, host, l2tp, self.bench.certificates).start()
            if kind == 'charon':
                ends[host].up()
        self.l2tp.update({host: Xl2tpd(self.lab, host) for host in ends})
        return ends

    def end(self):
        for host in reversed(self.l2tp):
            self.l2tp[host].end()


@pytest.fixture
def site(bench):
    bench.lab['router'].run('ip', 'route', 'add', '10.1.0.0/24', 'via', OUTER['moon', 4])
    site = Site(bench)
    yield site
    site.end()
    bench.lab['router'].run('ip', 'route', 'del', '10.1.0.0/24')


def assert_ping(lab, host, target, *options):
    ping = lab.ping(host, target, '-w', '20', *options)
    assert ping.returncode == 0, f'from {host} to {target}:\n{ping.stdout}'


def assert_through_ppp(lab, client, address):
    """The server's end, the network behind it by both ways, and more than a packet holds."""
    lab[client].run('ip', 'route', 'replace', '10.2.0.0/24', 'dev', 'ppp0')
    assert_ping(lab, client, SERVER_ADDRESS)
    assert_ping(lab, client, INNER['bob', 4], '-s', '3000')
    assert_ping(lab, 'bob', address)
    lab.transfer(100_000, source=client, target='bob', address=INNER['bob', 4])


@pytest.mark.parametrize('moon, sun, nat', [('tern', 'tern', False), ('charon', 'tern', False), ('tern', 'charon', True)])
def test_client_and_server(site, moon, sun, nat):
    if nat:
        site.lab.hide('moon')
    with Wire(site.bench.capture) as wire:
        ends = site.start(sun, moon=moon)
        address = site.l2tp['moon'].session()
        assert_through_ppp(site.lab, 'moon', address)
        ends['moon'].rekey_child()
        assert_through_ppp(site.lab, 'moon', address)
    wire.assert_only_encrypted(protocol=17 if nat else 50)
    assert ends['sun'].the_ike()['children'][0]['mode'] == 'TRANSPORT'


def test_two_clients_behind_one_nat(site):
    """Both ends of both have port 1701."""
    site.lab.hide('moon')
    with Wire(site.bench.capture) as wire:
        site.start(moon='tern', alice='charon')
        addresses = {host: site.l2tp[host].session() for host in ('moon', 'alice')}
        assert len(set(addresses.values())) == 2, addresses
        for host in ('moon', 'alice', 'moon'):
            assert_through_ppp(site.lab, host, addresses[host])
    wire.assert_only_encrypted(protocol=17)
