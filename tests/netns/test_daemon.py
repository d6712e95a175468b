"""ternd as a guest on its host: it leaves nothing behind, survives a reload, and explains bad configurations."""

import json
import re
import signal

import pytest

from lab import Tunnel, assert_agreement, wait_for
from lab.daemons import BUILD

PSK = Tunnel('psk', inner=(4, 6))


def established(bench, row=PSK):
    moon, sun = bench.prepare(row)
    before = moon.host.state()
    moon.start()
    sun.start()
    moon.up()
    bench.ping_both_ways(*row.inner)
    assert moon.host.state() != before, 'a tunnel without a device or a route?'
    return moon, sun, before


def test_sigterm_leaves_the_host_as_it_was(bench):
    moon, sun, before = established(bench)
    moon.leave()
    assert moon.host.state() == before
    wait_for(lambda: not sun.sas(), 'the other end to hear of it')
    moon.start()
    moon.up()
    bench.ping_both_ways(4, 6)


def test_the_next_start_cleans_up_after_a_crash(bench):
    moon, sun, before = established(bench)
    moon.end(signal.SIGKILL)
    moon.start()
    moon.up()
    bench.ping_both_ways(4, 6)
    moon.leave()
    assert moon.host.state() == before
    wait_for(lambda: len(sun.established()) <= 1, 'the old IKE SA to give way to the new one')


def test_other_peoples_routes_and_rules_stay(bench):
    moon, _ = bench.prepare(PSK)
    theirs = ('ip route add 198.51.100.0/24 via 172.16.1.254 table 99', 'ip rule add to 198.51.100.0/24 lookup 99',
              'ip route add 203.0.113.0/24 via 172.16.1.254')
    moon.host.run('sh', '-c', ' && '.join(theirs))
    before = moon.host.state()
    try:
        moon.start()
        moon.leave()
        moon.start()
        moon.end(signal.SIGKILL)
        moon.start()
        moon.leave()
        assert moon.host.state() == before
    finally:
        moon.host.run('sh', '-c', '; '.join(line.replace(' add ', ' del ') for line in theirs))


def test_reload_keeps_the_tunnel(bench):
    moon, sun, _ = established(bench)
    child = moon.the_child()
    text = moon.conf.text.replace('connections {', 'connections {\n  other {\n    remote_addrs = 192.0.2.1\n'
                                  '    local {\n auth = psk\n }\n    remote {\n auth = psk\n }\n  }', 1)
    (moon.directory / 'swanctl.conf').write_text(text)
    moon.tern('reload')
    assert 'other' in moon.tern('conns').stdout
    assert moon.the_child()['spi-in'] == child['spi-in']
    bench.ping_both_ways(4, 6)
    assert_agreement(moon, sun, PSK)


def test_status_for_people_and_for_programs(bench):
    moon, _, _ = established(bench)
    text = moon.tern('status').stdout
    for word in ('site', 'net', '172.16.2.1', '10.2.0.0/24'):
        assert word in text, text
    assert '\033' not in text, 'colours are for terminals'
    measured = re.search('AES-GCM is computed by ([^:]+): [0-9]+ ns', moon.output())[1]
    assert f'AES_GCM_16-128, computed by {measured}\n' in text.replace('/ESN', ''), text
    assert 'site' in json.dumps(json.loads(moon.tern('status', '--json').stdout))
    assert 'site' in moon.tern('conns').stdout
    assert moon.tern('version').stdout.strip()


def test_log_follows(bench):
    moon, _ = bench.start(PSK)
    log = bench.lab.fresh_log('tern-log')
    follower = moon.host.start(BUILD / 'tern', '--vici', moon.socket, 'log', '-f', log=log)
    bench.lab.helpers.append(follower)

    def seen():
        moon.up()
        moon.end_ike()
        return 'site' in follower.output()
    wait_for(seen, 'tern log -f to show the IKE SA')
    follower.end()


def test_up_of_an_unknown_name_fails(bench):
    moon, _ = bench.start(PSK)
    result = moon.up('nonsense', check=False)
    assert result.returncode != 0 and 'nonsense' in result.stdout


BAD = [
    # what is wrong        in the text of a good file       becomes                             the message names
    ('unknown-key', 'version = 2', 'verzion = 2', 'verzion'),
    ('bad-number', 'version = 2', 'version = seven', 'seven'),
    ('bad-proposal', 'proposals = aes128gcm16-prfsha256-x25519', 'proposals = aes129gcm16-x25519', 'aes129gcm16'),
    ('bad-selector', 'local_ts = 10.1.0.0/24', 'local_ts = 10.1.0.0/42', '10.1.0.0/42'),
    ('bad-auth', 'auth = psk', 'auth = telepathy', 'telepathy'),
    ('missing-file', 'id = moon.tern.test', 'certs = nowhere.pem', 'nowhere.pem'),
]


@pytest.mark.parametrize('name, good, bad, names', BAD, ids=[row[0] for row in BAD])
def test_check_names_the_line(bench, name, good, bad, names):
    moon, _ = bench.prepare(PSK)
    path = moon.directory / 'swanctl.conf'
    assert moon.tern('check', path).returncode == 0
    line = next(number for number, line in enumerate(moon.conf.text.splitlines(), 1) if good in line)
    path.write_text(moon.conf.text.replace(good, bad, 1))
    result = moon.tern('check', path, check=False)
    assert result.returncode == 1, result.stdout
    assert f'swanctl.conf:{line}:' in result.stdout, f'line {line} is wrong:\n{result.stdout}'
    assert names in result.stdout, result.stdout


def test_check_reports_an_open_section(bench):
    moon, _ = bench.prepare(PSK)
    path = moon.directory / 'swanctl.conf'
    path.write_text(moon.conf.text.rstrip().rstrip('}'))
    result = moon.tern('check', path, check=False)
    assert result.returncode == 1 and 'swanctl.conf:' in result.stdout, result.stdout


def test_a_second_daemon_on_the_same_socket_is_refused(bench):
    moon, _ = bench.start(PSK)
    second = moon.host.start_daemon(BUILD / 'ternd', '--config', moon.directory, '--vici', moon.socket,
                                    log=bench.lab.fresh_log('second'))
    bench.lab.helpers.append(second)
    wait_for(lambda: not second.running(), 'the second ternd to give up')
    assert second.end() != 0
    moon.up()
    bench.ping_both_ways(4, 6)
