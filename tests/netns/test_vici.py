"""Stock swanctl against ternd: the commands that people have in their fingers, unchanged."""

import re
import signal

from lab import OUTER, Tunnel, Vici, assert_agreement, assert_gone, wait_for

CERTIFICATES = Tunnel('certificates', auth='ecdsa')
PSK = Tunnel('psk')


def without_configuration(bench, row):
    """Two ternds that know nothing, and whose files swanctl loads: the configuration comes by VICI alone."""
    ends = bench.prepare(row)
    for end in ends:
        end.config_argument = end.host.directory / 'nothing'
        end.config_argument.mkdir(exist_ok=True)
        end.start()
    return ends


def test_swanctl_loads_initiates_lists_and_terminates(bench):
    moon, sun = without_configuration(bench, CERTIFICATES)
    for end in (moon, sun):
        loaded = end.swanctl('--load-all').stdout
        assert "loaded connection 'site'" in loaded and 'loaded certificate' in loaded, loaded
    done = moon.swanctl('--initiate', '--child', 'net').stdout
    assert 'initiate completed successfully' in done, done
    bench.ping_both_ways()
    assert_agreement(moon, sun, CERTIFICATES)

    listed = moon.swanctl('--list-sas').stdout
    for word in ('site: #', 'ESTABLISHED, IKEv2', 'net: #', 'INSTALLED, TUNNEL', 'AES_GCM_16-128', '10.2.0.0/24'):
        assert word in listed, f'{word}:\n{listed}'
    raw = moon.swanctl('--list-sas', '--raw').stdout
    assert re.search(r'list-sa event \{site \{uniqueid=\d+ version=2 state=ESTABLISHED', raw), raw

    assert 'terminate completed successfully' in moon.swanctl('--terminate', '--ike', 'site').stdout
    assert_gone(moon, sun)


def test_swanctl_loads_twice_and_unloads(bench):
    moon, sun = without_configuration(bench, PSK)
    for end in (moon, sun, moon):
        end.swanctl('--load-all')
    moon.swanctl('--initiate', '--child', 'net')
    bench.ping_both_ways()
    (moon.directory / 'swanctl.conf').write_text('connections {\n}\n')
    assert 'no connections found, 1 unloaded' in moon.swanctl('--load-all').stdout
    assert 'site' not in moon.swanctl('--list-conns').stdout
    bench.ping_both_ways()


def test_swanctl_lists_connections_and_certificates(bench):
    moon, _ = bench.start(CERTIFICATES)
    conns = moon.swanctl('--list-conns').stdout
    for word in ('site: IKEv2', '172.16.2.1', 'sun.tern.test', 'net: TUNNEL', '10.1.0.0/24'):
        assert word in conns, f'{word}:\n{conns}'
    certs = moon.swanctl('--list-certs').stdout
    for word in ('CN=moon.tern.test', 'has private key', 'CN=ca-ecdsa'):
        assert word in certs, f'{word}:\n{certs}'


def test_swanctl_rekeys(bench):
    moon, sun = bench.start(PSK)
    moon.up()
    spi = moon.the_child()['spi-in']
    assert 'rekey completed successfully' in sun.rekey_child().stdout
    wait_for(lambda: moon.the_child()['spi-in'] != spi, 'new keys')
    bench.ping_both_ways()


def test_swanctl_shows_statistics_and_version(bench):
    moon, _ = bench.start(PSK)
    assert 'uptime' in moon.swanctl('--stats').stdout
    assert 'tern' in moon.swanctl('--version', '--daemon').stdout.lower()


def test_swanctl_shows_and_resets_counters(bench):
    moon, _ = bench.start(PSK)
    moon.up()
    bench.lab.send('sun', OUTER['moon', 4], 4500, b'\xa5' * 64)
    wait_for(lambda: re.search(r'no-sa +1\b', moon.tern('status', '--counters').stdout), 'the drop to be counted')
    counters = moon.swanctl('--counters').stdout
    for words in (r'ike-init-out-req\s+: 1\b', r'no-sa\s+: 1\b', r'send-full\s+: 0\b'):
        assert re.search(words, counters), counters
    moon.swanctl('--counters', '--reset')
    counters = moon.swanctl('--counters').stdout
    assert re.search(r'no-sa\s+: 0\b', counters) and re.search(r'ike-init-out-req\s+: 0\b', counters), counters


def test_swanctl_log_follows(bench):
    moon, _ = bench.start(PSK)
    log = bench.lab.fresh_log('swanctl-log')
    follower = moon.host.start('swanctl', '--log', '--uri', f'unix://{moon.socket}', log=log)
    bench.lab.helpers.append(follower)

    def seen():
        moon.up()
        moon.end_ike()
        return 'site' in follower.output()
    wait_for(seen, 'swanctl --log to show the IKE SA')
    follower.end(signal.SIGINT)


def test_a_failed_initiate_fails(bench):
    moon, _ = bench.start(Tunnel('wrong', sun={'proposals': 'aes256-sha256-modp2048'}))
    result = moon.swanctl('--initiate', '--child', 'net', check=False)
    assert result.returncode != 0 and 'initiate failed' in result.stdout, result.stdout
    result = moon.swanctl('--initiate', '--child', 'nonsense', check=False)
    assert result.returncode != 0 and 'nonsense' in result.stdout, result.stdout


def test_events_come_while_commands_run(bench):
    moon, sun = bench.start(PSK)
    with Vici(sun.socket) as events:
        for event in ('ike-updown', 'child-updown', 'log'):
            events.register(event)
        moon.up()
        names = set()
        while not {'ike-updown', 'child-updown'} <= names:
            names.add(events.receive()[1])


def test_unknown_commands_and_broken_packets_do_no_harm(bench):
    moon, _ = bench.start(PSK)
    with Vici(moon.socket) as vici:
        vici.send(0, 'make-coffee')
        assert vici.receive()[0] == 2
        assert vici.request('version')['daemon']
    with Vici(moon.socket) as vici:
        vici.socket.sendall(b'\xff\xff\xff\xff' + bytes(64))
    with Vici(moon.socket) as vici:
        vici.socket.sendall(b'\x00\x00\x00\x03\x00\x07ve')
    with Vici(moon.socket) as vici:
        assert vici.request('version')['daemon']
