"""A daemon that dies without a word and comes back: what its peer sends next brings the tunnel back at once.

    alice - moon - router - sun - bob"""

import signal
import time

from lab import INNER, Tunnel, wait_for

# Sun would not find out by itself for a long time, and moon, once back, starts nothing.
PATIENT = Tunnel('crash', settings={'retransmit_timeout': 30})


def crash(daemon):
    daemon.process.end(signal.SIGKILL)
    daemon.start()


def crashed_moon(bench):
    moon, sun = bench.start(PATIENT)
    sun.up()
    bench.ping_both_ways()
    crash(moon)
    assert sun.established() and not moon.sas()
    return moon, sun


def test_an_ike_message_brings_the_token(bench):
    moon, sun = crashed_moon(bench)
    refused = sun.swanctl('--rekey', '--child', 'net', check=False)
    assert 'the peer has lost its state: it showed its token' in refused.stdout
    wait_for(lambda: not sun.sas(), 'the dead SA to go')
    sun.up()
    bench.ping_both_ways()


def test_an_esp_packet_brings_the_token(bench):
    moon, sun = crashed_moon(bench)
    time.sleep(5)   # sun has heard nothing for a while
    bench.lab.ping('bob', INNER['alice', 4], '-W', '1', count=1)
    sun.wait_log('a message in the clear says that the peer has lost its state')
    sun.wait_log('the peer has lost its state: it showed its token')
    wait_for(lambda: not sun.sas(), 'the dead SA to go')


def test_without_quick_crash_detection_there_is_no_token(bench):
    row = Tunnel('no-qcd', settings={'retransmit_timeout': 30, 'quick_crash_detection': False})
    moon, sun = bench.start(row)
    sun.up()
    crash(moon)
    time.sleep(5)
    bench.lab.ping('bob', INNER['alice', 4], '-W', '1', count=1)
    sun.wait_log('a message in the clear says that the peer has lost its state')
    time.sleep(0.5)
    assert sun.established()
    assert not (moon.directory / 'state').exists()
