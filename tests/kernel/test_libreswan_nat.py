"""Two clients behind one NAT, of which at least one end is libreswan's: they have addresses by mode config, since the kernel
can't tell two apart that say the same address, as in transport mode they do.

    alice 10.1.0.10 -- moon 172.16.1.1 -- router, which translates -- sun 172.16.2.1 -- bob 10.2.0.10
"""

import pytest

from lab import INNER, OUTER, wait_for
from lab.bench import DAEMONS
from lab.roadwarriors import Roadwarriors


@pytest.fixture
def site(bench):
    bench.lab.hide('moon')
    bench.lab['router'].run('ip', 'route', 'add', '10.1.0.0/24', 'via', OUTER['moon', 4])
    yield bench
    bench.lab['router'].run('ip', 'route', 'del', '10.1.0.0/24')


@pytest.mark.parametrize('sun, moon, alice', [('tern', 'pluto', 'pluto'), ('pluto', 'tern', 'pluto'), ('pluto', 'pluto', 'tern')])
def test_two_clients_behind_one_nat(site, sun, moon, alice):
    lab, kinds = site.lab, {'sun': sun, 'moon': moon, 'alice': alice}
    with site.wire() as wire:
        ends = {host: DAEMONS[kind](lab, host, Roadwarriors(), site.certificates).start() for host, kind in kinds.items()}
        for host in ('moon', 'alice'):
            ends[host].up()
        wait_for(lambda: len(ends['sun'].children()) == 2, 'both to have a child')
        for host in ('moon', 'alice', 'moon'):
            ping = lab.ping(host, INNER['bob', 4], '-w', '20')
            assert ping.returncode == 0, ping.stdout
    wire.assert_only_encrypted(protocol=17)
    if sun == 'tern':
        sas = {sa['remote-id']: sa for sa in ends['sun'].established()}
        assert len(sas) == len({sa['remote-port'] for sa in sas.values()}) == 2, sas
