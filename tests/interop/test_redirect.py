"""Redirects between ternd (on moon) and charon (on sun): either is the client, and the gateway to which it is sent is
at another address of the other's host."""

import pytest

from lab import Tunnel, wait_for

SECOND = {'moon': '172.16.1.9', 'sun': '172.16.2.9'}


@pytest.fixture(autouse=True)
def second_addresses(bench):
    """Each outer host has one address more; only the client's peer answers at both of its own."""
    for host, address in SECOND.items():
        bench.lab[host].run('ip', 'address', 'add', f'{address}/24', 'dev', 'wan')
    yield
    for host, address in SECOND.items():
        bench.lab[host].run('ip', 'address', 'del', f'{address}/24', 'dev', 'wan', check=False)


def row(gateway, **more):
    """`gateway` answers at both addresses."""
    both = {'local_addrs': '%any', **more}
    client = 'moon' if gateway == 'sun' else 'sun'
    return Tunnel('redirect', **{gateway: both, client: {}})


def moved(client, address):
    wait_for(lambda: len(client.sas()) == 1 and client.established() and
             client.established()[0]['remote-host'] == address and client.children(),
             f'an IKE SA with {address}, alone')


def test_tern_follows_charon(bench):
    tern, charon = bench.start(row('sun'), moon='tern', sun='charon')
    tern.up()
    bench.ping_both_ways()
    before = tern.the_child()
    charon.swanctl('--redirect', '--ike', 'site', '--gateway', SECOND['sun'])
    moved(tern, SECOND['sun'])
    wait_for(lambda: len(charon.sas()) == 1, 'charon to have one IKE SA')
    assert tern.the_child()['reqid'] == before['reqid']
    assert 'redirected to 172.16.2.9' in tern.output()
    bench.ping_both_ways()


@pytest.mark.parametrize('how', ['tern', 'swanctl'])
def test_charon_follows_tern(bench, how):
    tern, charon = bench.start(row('moon'), moon='tern', sun='charon')
    charon.up()
    bench.ping_both_ways()
    if how == 'tern':
        tern.tern('redirect', SECOND['moon'], 'site')
    else:
        tern.swanctl('--redirect', '--peer-ip', '172.16.2.0/24', '--gateway', SECOND['moon'])
    moved(charon, SECOND['moon'])
    wait_for(lambda: len(tern.sas()) == 1, 'ternd to have one IKE SA')
    bench.ping_both_ways()


def test_a_new_charon_is_redirected(bench):
    """In IKE_SA_INIT."""
    tunnel = row('moon')
    tunnel.moon_settings = {'redirect_to': SECOND['moon']}
    tern, charon = bench.start(tunnel, moon='tern', sun='charon')
    charon.up()
    moved(charon, SECOND['moon'])
    assert 'IKE_SA_INIT response 0 [ N(REDIRECT) ]' in tern.output()
    bench.ping_both_ways()


def test_a_client_that_has_authenticated_is_redirected(bench):
    """In IKE_AUTH. The client is another ternd: charon 5.9.8 takes the redirect ("redirected to 172.16.1.9"), begins
    anew, and then ends by a double free."""
    moon, sun = bench.start(row('moon', redirect_to=SECOND['moon']), moon='tern', sun='tern')
    sun.up()
    moved(sun, SECOND['moon'])
    assert 'redirected the peer to 172.16.1.9' in moon.output()
    bench.ping_both_ways()


def test_whom_nobody_can_redirect(bench):
    tern, charon = bench.start(row('sun'), moon='tern', sun='charon')
    tern.up()
    result = tern.tern('redirect', SECOND['moon'], 'site', check=False)
    assert result.returncode == 1 and 'only the gateway that answered can redirect' in result.stdout
    assert 'nothing matches' in tern.tern('redirect', SECOND['moon'], '--peer-id', '*.example', check=False).stdout
    assert tern.tern('redirect', SECOND['moon'], check=False).returncode == 2
    bench.ping_both_ways()


def test_a_gateway_by_name_is_resolved(bench):
    tern, charon = bench.prepare(row('sun'), 'tern', 'charon')
    hosts = tern.host.directory / 'hosts'
    hosts.write_text(hosts.read_text() + f'{SECOND["sun"]} gateway.tern.test\n')
    charon.start()
    tern.start()
    tern.up()
    charon.swanctl('--redirect', '--ike', 'site', '--gateway', 'gateway.tern.test')
    moved(tern, SECOND['sun'])
    assert 'redirected to gateway.tern.test' in tern.output()
    bench.ping_both_ways()
