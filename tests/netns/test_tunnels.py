"""ternd on both hosts: every way in which two of them make a tunnel and packets cross it."""

import pytest

from lab import NETWORKS, OUTER, Tunnel, assert_agreement, assert_childless, assert_gone

ESP, UDP = 50, 17
DATA = ['aes128gcm16', 'aes192gcm16', 'aes256gcm16', 'aes256gcm12', 'aes128gcm8', 'aes128ccm16', 'aes256ccm16',
        'aes128ccm8', 'chacha20poly1305', 'aes128-sha1', 'aes128-sha256', 'aes192-sha384', 'aes256-sha512',
        'aes128-aesxcbc', 'aes128-aescmac', 'aes128ctr-sha256', '3des-sha1', 'null-sha256']
IKE = ['aes256gcm16-prfsha512-x448', 'aes128ccm16-prfsha256-ecp521', 'chacha20poly1305-prfsha384-x25519',
       'aes192-sha384-modp4096', 'aes128ctr-aescmac-ecp256', '3des-sha1-modp1024']


def up(bench, row):
    """Start both, let moon begin, and prove that it works: the check of every row here."""
    moon, sun = bench.start(row)
    with bench.wire() as wire:
        moon.up()
        bench.ping_both_ways(*row.inner)
    assert_agreement(moon, sun, row)
    wire.assert_only_encrypted()
    wire.assert_no_fragments()
    return moon, sun, wire


@pytest.mark.parametrize('auth', ['psk', 'ecdsa'])
@pytest.mark.parametrize('inner', [4, 6], ids=['inner4', 'inner6'])
@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
def test_families(bench, auth, inner, outer):
    _, _, wire = up(bench, Tunnel('families', auth=auth, inner=(inner,), outer=outer))
    wire.assert_only_encrypted(protocol=ESP)


@pytest.mark.parametrize('auth', ['rsa', 'ecdsa384', 'ecdsa521', 'ed25519', 'ed448', 'chain', 'raw-ecdsa'])
def test_authentication(bench, auth):
    up(bench, Tunnel('authentication', auth=auth))


@pytest.mark.parametrize('auth, form', [('rsa', 'pkcs1'), ('ecdsa', 'sec1'), ('rsa', 'der'), ('ecdsa', 'der')])
def test_forms_of_private_keys(bench, auth, form):
    up(bench, Tunnel('key-form', auth=auth, form=form))


@pytest.mark.parametrize('esp', DATA)
def test_esp_algorithms(bench, esp):
    up(bench, Tunnel('esp', esp=esp, inner=(4, 6)))


@pytest.mark.parametrize('ike', IKE)
def test_ike_algorithms(bench, ike):
    up(bench, Tunnel('ike', ike=ike))


def test_extended_sequence_numbers(bench):
    moon, sun, _ = up(bench, Tunnel('esn', esp='aes128gcm16-esn'))
    assert moon.the_child()['esn'] == sun.the_child()['esn'] == '1'


@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
def test_forced_encapsulation(bench, outer):
    _, _, wire = up(bench, Tunnel('encap', outer=outer, both={'encap': True}))
    wire.assert_only_encrypted(protocol=UDP)


@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
def test_transport_mode(bench, outer):
    dynamic = {'children.net.mode': 'transport', 'children.net.local_ts': None, 'children.net.remote_ts': None}
    moon, sun = bench.start(Tunnel('transport', outer=outer, both=dynamic))
    with bench.wire() as wire:
        moon.up()
        for source, target in (('moon', 'sun'), ('sun', 'moon')):
            ping = bench.lab.ping(source, OUTER[target, outer])
            assert ping.returncode == 0, ping.stdout
    assert_agreement(moon, sun)
    assert moon.the_child()['mode'] == 'TRANSPORT'
    wire.assert_only_encrypted(protocol=ESP)


def test_transport_mode_through_a_nat(bench):
    """RFC 7296 §2.23.1: each end's selectors name what it believes to be the other's address."""
    dynamic = {'children.net.mode': 'transport', 'children.net.local_ts': None, 'children.net.remote_ts': None}
    moon, sun = bench.start(Tunnel('transport-nat', both=dynamic, sun={'remote_addrs': '%any'}))
    bench.lab.hide('moon')
    with bench.wire() as wire:
        moon.up()
        ping = bench.lab.ping('moon', OUTER['sun', 4])
        assert ping.returncode == 0, ping.stdout
        bench.lab.transfer(2_000_000, source='moon', target='sun', address=OUTER['sun', 4])
    assert moon.the_child()['mode'] == sun.the_child()['mode'] == 'TRANSPORT'
    wire.assert_only_encrypted(protocol=UDP)


def test_several_selectors(bench):
    ours, theirs = ('10.1.0.0/24', '10.1.1.0/24', NETWORKS['moon', 6]), ('10.2.0.0/24', NETWORKS['sun', 6])
    row = Tunnel('selectors', inner=(4, 6), moon={'children.net.local_ts': ours, 'children.net.remote_ts': theirs},
                 sun={'children.net.local_ts': theirs, 'children.net.remote_ts': ours})
    up(bench, row)
    for source, target, code in (('10.1.1.10', '10.2.0.10', 0), ('10.1.0.10', '10.2.1.10', 1)):
        ping = bench.lab.ping('alice', target, '-I', source, '-W', '0.5' if code else '10')
        assert bool(ping.returncode) == bool(code), f'{source} to {target}:\n{ping.stdout}'


def test_selectors_with_protocol_and_port(bench):
    icmp = {'children.net.local_ts': '10.1.0.0/24[icmp]', 'children.net.remote_ts': '10.2.0.0/24[icmp]'}
    other = {'children.net.local_ts': '10.2.0.0/24[icmp]', 'children.net.remote_ts': '10.1.0.0/24[icmp]'}
    up(bench, Tunnel('icmp-only', moon=icmp, sun=other))
    tcp = bench.lab['alice'].run('bash', '-c', 'timeout 1 bash -c "echo > /dev/tcp/10.2.0.10/7"', check=False)
    assert tcp.returncode == 124 or 'unreachable' in tcp.stdout, f'TCP must not get through:\n{tcp.stdout}'


@pytest.mark.parametrize('outer', [4, 6], ids=['outer4', 'outer6'])
@pytest.mark.parametrize('auth', ['psk', 'chain'])
def test_nat_between(bench, auth, outer):
    bench.lab.hide('moon')
    _, sun, wire = up(bench, Tunnel('nat', auth=auth, outer=outer, sun={'remote_addrs': '%any'}))
    wire.assert_only_encrypted(protocol=UDP)
    assert sun.the_ike()['remote-host'] == '172.16.2.254' or outer == 6
    assert sun.the_ike().get('nat-remote') == 'yes'


def test_host_names_as_peers(bench):
    row = Tunnel('names', moon={'remote_addrs': 'sun.tern.test'}, sun={'remote_addrs': 'moon.tern.test'})
    for name in ('moon', 'sun'):
        hosts = bench.lab[name].directory / 'hosts'
        hosts.write_text(hosts.read_text() + '172.16.1.1 moon.tern.test\n172.16.2.1 sun.tern.test\n')
    up(bench, row)


def test_two_children_on_one_ike_sa(bench):
    second = {'children.more.esp_proposals': 'aes256-sha256'}
    row = Tunnel('two', moon={**second, 'children.more.local_ts': '10.1.1.0/24',
                              'children.more.remote_ts': '10.2.1.0/24'},
                 sun={**second, 'children.more.local_ts': '10.2.1.0/24', 'children.more.remote_ts': '10.1.1.0/24'})
    moon, sun = bench.start(row)
    with bench.wire() as wire:
        moon.up('net')
        moon.up('more')
        bench.ping_both_ways()
        ping = bench.lab.ping('alice', '10.2.1.10', '-I', '10.1.1.10')
        assert ping.returncode == 0, ping.stdout
    wire.assert_only_encrypted()
    assert len(moon.established()) == len(sun.established()) == 1
    assert len(moon.children()) == len(sun.children()) == 2
    moon.end_child('more')
    assert [child['name'] for child in sun.children()] == ['net']
    bench.ping_both_ways()


def test_start_action_begins_by_itself(bench):
    moon, sun = bench.start(Tunnel('start', moon={'children.net.start_action': 'start'}))
    assert_agreement(moon, sun)
    bench.ping_both_ways()


def test_down_by_either_end(bench):
    moon, sun, _ = up(bench, Tunnel('psk'))
    sun.end_child()
    assert_childless(moon, sun)
    moon.up()
    bench.ping_both_ways()
    sun.end_ike()
    assert_gone(moon, sun)
