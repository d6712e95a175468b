"""IKEv1 with two clients behind one NAT, ternd on moon and charon on alice, that get addresses by mode config from a server on
sun, which is either. (Transport mode with charon needs the kernel's ESP: tests/kernel/test_l2tp.py.)

    alice 10.1.0.10 -- moon 172.16.1.1 -- router, which translates -- sun 172.16.2.1 -- bob 10.2.0.10
"""

import pytest

from lab import INNER, OUTER
from lab.bench import DAEMONS
from lab.roadwarriors import Roadwarriors

@pytest.mark.parametrize('server', ['tern', 'charon'])
def test_two_clients_behind_one_nat(bench, server):
    lab = bench.lab
    lab.hide('moon')
    lab['router'].run('ip', 'route', 'add', '10.1.0.0/24', 'via', OUTER['moon', 4])
    try:
        with bench.wire() as wire:
            ends = {host: DAEMONS[kind](lab, host, Roadwarriors(), bench.certificates).start()
                    for host, kind in (('sun', server), ('moon', 'tern'), ('alice', 'charon'))}
            for host in ('moon', 'alice'):
                ends[host].up()
            for _ in range(2):
                for host in ('moon', 'alice'):
                    ping = lab.ping(host, INNER['bob', 4], '-w', '20')
                    assert ping.returncode == 0, ping.stdout
                    ends[host].rekey_child()
        sas = {sa['remote-id']: sa for sa in ends['sun'].established()}
        assert len(sas) == len({sa['remote-port'] for sa in sas.values()}) == 2, sas
        assert {sa['remote-host'] for sa in sas.values()} == {'172.16.2.254'}, sas
        # What charon's kernel-libipsec sends on alice while it has no route for a moment is not ours.
        alice = ('10.1.0.10', *sas['alice.tern.test']['remote-vips'])
        assert not [frame for frame in wire.plain() if frame.source not in alice]
        assert {frame.protocol for frame in wire.of('esp')} == {17}
    finally:
        lab['router'].run('ip', 'route', 'del', '10.1.0.0/24')
