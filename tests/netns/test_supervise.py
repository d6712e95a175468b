"""The supervisor on a real network: what should be up comes back, says why it is down, and is not disturbed by reloads.

    alice -- moon ==(router)== sun -- bob       moon starts the tunnel and keeps it up
"""

import json
import re
import signal
import time

import pytest

from lab import INNER, OUTER, Tunnel, assert_agreement, assert_gone, wait_for

QUICK = {'retransmit_timeout': 0.5, 'retransmit_tries': 2, 'retry_wait': 1, 'retry_wait_max': 2}
KEEP = {'children.net.start_action': 'start', 'dpd_delay': '1s'}


def row(name='kept-up', moon=None, sun=None, settings=QUICK):
    return Tunnel(name, moon={**KEEP, **(moon or {})}, sun=sun or {}, moon_settings=settings)


def up(bench, tunnel, sun='tern'):
    moon, sun = bench.prepare(tunnel, 'tern', sun)
    sun.start()
    moon.start()
    moon.the_child()
    sun.the_child()
    bench.ping_both_ways()
    return moon, sun


def back(moon, sun):
    def same():
        ours, theirs = moon.children(), sun.children()
        return len(ours) == len(theirs) == 1 and ours[0]['spi-in'] == theirs[0]['spi-out']
    wait_for(same, 'the tunnel to be back')


def down(moon):
    """What `tern status --json` says of what should be up and isn't."""
    entries = json.loads(moon.tern('status', '--json').stdout)
    return next((entry for entry in entries if 'down' in entry), None)


@pytest.mark.parametrize('peer', ['tern', 'charon'])
def test_the_peer_is_killed_and_comes_back(bench, peer):
    moon, sun = up(bench, row(), peer)
    sun.end(signal.SIGKILL)
    moon.wait_log('gave no answer')
    sun.start()
    back(moon, sun)
    bench.ping_both_ways()
    assert_agreement(moon, sun)


def test_a_clear_dpd_action_leaves_it_down(bench):
    moon, sun = up(bench, row(moon={'children.net.dpd_action': 'clear'}), 'charon')
    sun.end(signal.SIGKILL)
    moon.wait_log('gave no answer')
    sun.start()
    time.sleep(3)
    assert not moon.sas() and not down(moon)


def test_the_peer_restarts_cleanly(bench):
    moon, sun = up(bench, row())
    sun.leave()
    wait_for(lambda: down(moon), 'the tunnel to go')
    sun.start()
    back(moon, sun)
    bench.ping_both_ways()


def test_we_are_killed_and_come_back(bench):
    moon, sun = up(bench, row())
    moon.end(signal.SIGKILL)
    moon.start()
    back(moon, sun)
    bench.ping_both_ways()
    assert_agreement(moon, sun)


def test_the_second_remote_address_has_its_turn(bench):
    tunnel = row(moon={'remote_addrs': ['172.16.2.77', OUTER['sun', 4]]})
    moon, sun = bench.prepare(tunnel)
    sun.start()
    moon.start()
    back(moon, sun)
    assert moon.the_ike()['remote-host'] == OUTER['sun', 4]
    bench.ping_both_ways()


SILENT = '172.16.2.77'


@pytest.mark.parametrize('remote, named', [('sun.tern.test', [SILENT, OUTER['sun', 4]]), ([SILENT, 'sun.tern.test'], [OUTER['sun', 4]])],
                         ids=['of-a-name', 'beside-a-name'])
def test_a_silent_address_does_not_cost_an_attempt(bench, remote, named):
    # It is left after two retransmissions, not after five.
    settings = {**QUICK, 'retransmit_tries': 5, 'retransmit_base': 1, 'keep_alive': 0}
    moon, sun = bench.prepare(row(moon={'remote_addrs': remote}, settings=settings))
    hosts = moon.host.directory / 'hosts'
    hosts.write_text(hosts.read_text() + ''.join(f'{address} sun.tern.test\n' for address in named))
    sun.start()
    moon.start()
    moon.wait_log(r'172\.16\.2\.77\[500\] gave no answer to IKE_SA_INIT, sent 3 times: going on with the next')
    back(moon, sun)
    assert 'failed' not in moon.output() and moon.the_ike()['remote-host'] == OUTER['sun', 4]
    assert moon.output().count('to 172.16.2.77[500]') == 1, 'sent once, and again without a line each'
    bench.ping_both_ways()


def test_a_name_is_resolved_again(bench):
    moon, sun = bench.prepare(row(moon={'remote_addrs': 'sun.tern.test'}))
    hosts = moon.host.directory / 'hosts'
    sun.start()
    moon.start()
    text = wait_for(lambda: 'resolve' in moon.status() and moon.status(), 'the reason')
    assert "can't resolve sun.tern.test" in text and 'swanctl.conf:' in text, text
    hosts.write_text(hosts.read_text() + f'{OUTER["sun", 4]} sun.tern.test\n')
    back(moon, sun)
    bench.ping_both_ways()


def test_status_says_why_and_when(bench):
    moon, sun = bench.prepare(row(settings={**QUICK, 'retry_wait': 30, 'retry_wait_max': 60}))
    moon.start()
    moon.wait_log('next try in')
    text = moon.status()
    assert re.search(r'site/net  WAITING down for \d+ s, next try in \d+ s to 172\.16\.2\.1', text), text
    assert re.search(r'why +172\.16\.2\.1\[500\] gave no answer to IKE_SA_INIT', text), text
    assert re.search(r'last tried +172\.16\.2\.1:500, attempt 1', text), text
    entry = down(moon)
    assert entry['name'] == 'site' and entry['child'] == 'net' and entry['state'] == 'WAITING', entry
    assert entry['tried-host'] == OUTER['sun', 4] and 0 < int(entry['next']) <= 30, entry

    moon.tern('down', 'site')
    assert 'HELD' in moon.status() and '`tern up`' in moon.status(), moon.status()
    sun.start()
    moon.tern('reload')
    time.sleep(1)
    assert not moon.sas(), 'a reload that changes nothing leaves what is held down'
    moon.up()
    bench.ping_both_ways()


def test_a_reload_tries_at_once_what_waits(bench):
    tunnel = row(settings={**QUICK, 'retry_wait': 600, 'retry_wait_max': 600})
    moon, sun = bench.prepare(tunnel)
    moon.start()
    moon.wait_log('next try in')
    sun.start()
    moon.tern('reload')
    back(moon, sun)


def test_a_reload_under_traffic_loses_nothing(bench):
    moon, sun = up(bench, row())
    child = moon.the_child()
    pings = bench.lab.start_pings('alice', INNER['bob', 4])
    other = ('connections {{\n  other{n} {{\n    remote_addrs = 192.0.2.{n}\n    local {{\n auth = psk\n }}\n'
             '    remote {{\n auth = psk\n }}\n  }}')
    for n in range(1, 6):
        text = moon.conf.text.replace('connections {', other.format(n=n), 1)
        (moon.directory / 'swanctl.conf').write_text(text)
        moon.tern('reload')
        moon.process.popen.send_signal(signal.SIGHUP)
        sun.tern('reload')
    assert not pings.lost(), pings.output()
    assert moon.the_child()['spi-in'] == child['spi-in']
    assert 'other5' in moon.tern('conns').stdout and 'other1' not in moon.tern('conns').stdout


def test_a_changed_connection_is_undone_and_done_again(bench):
    moon, sun = up(bench, row())
    ike = moon.the_ike()
    path = moon.directory / 'swanctl.conf'
    path.write_text(moon.conf.text.replace('dpd_delay = 1s', 'dpd_delay = 2s'))
    moon.tern('reload')
    wait_for(lambda: moon.established() and moon.the_ike()['initiator-spi'] != ike['initiator-spi'], 'another IKE SA')
    back(moon, sun)
    bench.ping_both_ways()
    path.write_text('')
    moon.tern('reload')
    assert_gone(moon, sun)


def test_the_end_is_prompt_when_the_peer_is_silent(bench):
    moon, sun = up(bench, row(settings={'retransmit_timeout': 30}))
    sun.end(signal.SIGKILL)
    sun.process = None
    begun = time.monotonic()
    moon.leave()
    assert time.monotonic() - begun < 10
