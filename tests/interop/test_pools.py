"""Virtual addresses from pools, ternd and charon as gateway (on sun) and as road warrior (on moon), both families, with
name servers; packets go through the tunnel from the virtual address."""

import pytest

from lab import INNER, NETWORKS, Tunnel, assert_agreement, assert_childless, wait_for

POOLS = {'four': {'addrs': '10.3.0.0/24', 'dns': '10.2.0.53'}, 'six': {'addrs': 'fd03::/120', 'dns': 'fd02::53'}}
BEHIND = [NETWORKS['sun', 4], NETWORKS['sun', 6]]
ROLES = ('tern', 'charon')


def row(**changes):
    moon = {'vips': ('0.0.0.0', '::'), 'children.net.local_ts': None, 'children.net.remote_ts': BEHIND}
    sun = {'pools': ('four', 'six'), 'remote_addrs': '%any', 'children.net.remote_ts': None,
           'children.net.local_ts': BEHIND, '/pools': POOLS}
    return Tunnel('roadwarrior', moon={**moon, **changes.get('moon', {})}, sun={**sun, **changes.get('sun', {})},
                  moon_settings=changes.get('moon_settings', {}))


def start(bench, client, tunnel=None):
    gateway = 'charon' if client == 'tern' else 'tern'
    return bench.start(tunnel or row(), moon=client, sun=gateway)


def addresses(bench):
    return bench.lab['moon'].run('ip', '-brief', 'address').stdout


def ping(bench, target, source):
    result = bench.lab.ping('moon', target, '-I', source)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize('client', ROLES)
def test_addresses_of_both_families(bench, client):
    moon, sun = start(bench, client)
    (moon.directory / 'resolv.conf').write_text('nameserver 192.0.2.53\n')
    with bench.wire() as wire:
        moon.up()
        for family, vip in ((4, '10.3.0.1'), (6, 'fd03::1')):
            ping(bench, INNER['bob', family], vip)
            back = bench.lab.ping('bob', vip)
            assert back.returncode == 0, back.stdout
    assert_agreement(moon, sun)
    wire.assert_only_encrypted()
    assert moon.the_ike()['local-vips'] == ['10.3.0.1', 'fd03::1']
    assert sun.the_ike()['remote-vips'] == ['10.3.0.1', 'fd03::1']
    assert '10.3.0.1/32' in addresses(bench) and 'fd03::1/128' in addresses(bench)
    resolv = moon.directory / 'resolv.conf'
    for server in ('10.2.0.53', 'fd02::53'):
        assert f'nameserver {server}' in resolv.read_text()
    moon.end_ike()
    wait_for(lambda: '10.3.0.1' not in addresses(bench) and 'fd03::1' not in addresses(bench), 'no virtual address')
    wait_for(lambda: resolv.read_text() == 'nameserver 192.0.2.53\n', 'the old resolv.conf')


def test_a_packet_without_a_source_gets_the_virtual_one(bench):
    moon, _ = start(bench, 'tern')
    moon.up()
    for family in (4, 6):
        result = bench.lab.ping('moon', INNER['bob', family])
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize('client', ROLES)
def test_the_address_stays_over_rekeying_and_reconnecting(bench, client):
    moon, sun = start(bench, client)
    moon.up()
    before = moon.the_ike()
    moon.rekey_ike()
    wait_for(lambda: moon.the_ike()['initiator-spi'] != before['initiator-spi'], 'a new IKE SA')
    ping(bench, INNER['bob', 4], '10.3.0.1')
    assert sun.the_ike()['remote-vips'] == ['10.3.0.1', 'fd03::1']
    moon.end_ike()
    wait_for(lambda: not sun.sas(), 'the end')
    moon.up()
    assert moon.the_ike()['local-vips'] == ['10.3.0.1', 'fd03::1']
    ping(bench, INNER['bob', 6], 'fd03::1')


def test_pools_are_listed(bench):
    moon, sun = start(bench, 'charon')
    moon.up()
    listed = sun.swanctl('--list-pools', '--leases').stdout
    assert 'four' in listed and '1 / 0 / 254' in listed and 'moon.tern.test' in listed, listed
    table = sun.tern('pools').stdout
    assert '10.3.0.1' in table and 'online' in table and 'moon.tern.test' in table, table
    assert '"identity":"moon.tern.test"' in sun.tern('pools', '--json').stdout.replace(' ', '').replace('\n', '')
    assert '10.3.0.1' in sun.status()
    refused = sun.swanctl('--load-pools', check=False)
    assert refused.returncode == 0, refused.stdout


@pytest.mark.parametrize('client', ROLES)
def test_an_exhausted_pool(bench, client):
    pools = {'four': {'addrs': '10.3.0.9'}}
    tunnel = row(sun={'pools': 'four', '/pools': pools}, moon={'vips': ('0.0.0.0', '0.0.0.0')})
    moon, sun = start(bench, client, tunnel)
    moon.up()
    assert moon.the_ike()['local-vips'] == ['10.3.0.9']


def test_who_does_not_ask_has_no_child(bench):
    moon, sun = start(bench, 'charon', row(moon={'vips': None}))
    moon.up(check=False)
    sun.wait_log('FAILED_CP_REQUIRED')
    moon.wait_log('FAILED_CP_REQUIRED')
    assert_childless(sun)


def test_a_gateway_without_pools(bench):
    moon, _ = start(bench, 'tern', row(sun={'pools': None, '/pools': None}))
    failed = moon.up(check=False)
    assert failed.returncode != 0
    assert 'virtual address' in failed.stdout and f'swanctl.conf:{moon.conf.line("connections.site.vips")}' in failed.stdout


def test_what_a_crash_leaves_goes_at_the_next_start(bench):
    moon, sun = start(bench, 'tern')
    resolv = moon.directory / 'resolv.conf'
    resolv.write_text('nameserver 192.0.2.53\n')
    moon.up()
    assert '10.2.0.53' in resolv.read_text()
    moon.process.end(9)
    assert '10.2.0.53' in resolv.read_text()
    moon.start()
    assert resolv.read_text() == 'nameserver 192.0.2.53\n'
    assert '10.3.0.1' not in addresses(bench)
    moon.up()
    assert moon.the_ike()['local-vips'] == ['10.3.0.1', 'fd03::1']


def test_neither_address_nor_name_servers_where_that_is_off(bench):
    off = {'install_virtual_ip': False, 'plugins': {'resolve': {'load': False}}}
    moon, _ = start(bench, 'tern', row(moon_settings=off))
    moon.up()
    assert moon.the_ike()['local-vips'] == ['10.3.0.1', 'fd03::1']
    assert '10.3.0.1' not in addresses(bench)
