"""One tunnel between ternd (on moon) and charon (on sun): where both initiate at once, and where a peer that was killed comes
back."""

import signal
import threading
import time

import pytest

from lab import Tunnel, Vici, wait_for

PSK = Tunnel('psk')
ROUNDS = 4
MOON = {'retransmit_tries': 3, 'retransmit_timeout': 1}


def initiate(end, barrier):
    with Vici(end.socket) as vici:
        barrier.wait(60)
        try:
            vici.request('initiate', child='net', timeout='30000')
        except Exception:  # noqa: BLE001: the other's SA may have come first; what stands is looked at
            pass


def both_at_once(ends):
    barrier = threading.Barrier(len(ends))
    threads = [threading.Thread(target=initiate, args=(end, barrier), daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def one_tunnel(ends):
    """Each end has the same IKE SA, alone, with one child, and both agree on its SPIs. An attempt that was forestalled may
    be half-open for a while."""
    seen = []
    for end in ends:
        standing = [sa for sa in end.sas() if sa['state'] not in ('CONNECTING', 'DELETING', 'REKEYED')]
        children = [child for sa in standing for child in sa['children'] if child['state'] != 'DELETED']
        if [sa['state'] for sa in standing] != ['ESTABLISHED'] or [c['state'] for c in children] != ['INSTALLED']:
            return None
        seen.append((standing[0]['initiator-spi'], {children[0]['spi-in'], children[0]['spi-out']}))
    return seen[0][0] if len({spi for spi, _ in seen}) == 1 and seen[0][1] == seen[1][1] else None


def come_to_rest(ends, what):
    """One tunnel, the same for longer than what follows a deletion takes. Charon's threads may read our INITIAL_CONTACT
    after its own SA stands, and end that without a word: then it is silence that tells us, after the retransmissions
    that MOON has here, 12 s, beside the 4 s that the peer has to act."""
    seen, since = None, 0

    def rests():
        nonlocal seen, since
        now = one_tunnel(ends)
        if now != seen:
            seen, since = now, time.monotonic()
        return now and time.monotonic() - since > 1.5

    wait_for(rests, what, 90)


@pytest.mark.parametrize('policy', ['no', 'replace'])
def test_both_initiate_at_once(bench, policy):
    row = Tunnel(f'at-once-{policy}', moon={'unique': policy, 'children.net.close_action': 'start'},
                 sun={'unique': policy, 'children.net.close_action': 'start'}, moon_settings=MOON)
    ends = bench.start(row, moon='tern', sun='charon')
    for number in range(ROUNDS):
        both_at_once(ends)
        come_to_rest(ends, f'one tunnel in round {number}')
        bench.ping_both_ways()
        for end in ends:
            end.end(signal.SIGKILL)
        for end in ends:
            end.start()


@pytest.mark.parametrize('killed', [0, 1], ids=['tern', 'charon'])
def test_a_peer_that_was_killed_replaces_its_sa(bench, killed):
    row = Tunnel(f'replace-{killed}', moon={'unique': 'replace'}, sun={'unique': 'replace'})
    ends = bench.start(row, moon='tern', sun='charon')
    ends[killed].up()
    before = wait_for(lambda: one_tunnel(ends), 'one tunnel')
    ends[killed].end(signal.SIGKILL)
    ends[killed].start()
    ends[killed].up()
    assert wait_for(lambda: one_tunnel(ends), 'one tunnel again') != before
    bench.ping_both_ways()
