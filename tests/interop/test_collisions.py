"""ternd (on moon) and charon (on sun) both rekey at once, again and again, while packets cross: RFC 7296 §2.8.1 and
§2.8.2 with another's implementation of them. No packet is lost, and no SA is left over."""

import threading

import pytest

from lab import INNER, Tunnel, Vici, assert_agreement, wait_for

PSK = Tunnel('psk')
PFS = Tunnel('pfs', esp='aes128gcm16-x25519')
CHILD_ROUNDS, IKE_ROUNDS, BOTH_ROUNDS = 200, 30, 10


class Rekeyer(threading.Thread):
    """One end's control socket; rekeys whenever all ends have come to the barrier."""

    def __init__(self, end, barrier, rounds, commands):
        super().__init__(daemon=True)
        self.end, self.barrier, self.rounds, self.commands = end, barrier, rounds, commands
        self.failure = None

    def run(self):
        try:
            with Vici(self.end.socket, 120) as vici:   # ternd answers when it is done
                for _ in range(self.rounds):
                    self.barrier.wait(120)
                    for command in self.commands:
                        vici.request('rekey', **command)
                    self.barrier.wait(120)
        except Exception as failure:  # noqa: BLE001: shown by the test
            self.failure = failure
            self.barrier.abort()


def traffic(bench, source, target):
    """A hundred packets a second from one site to the other and back."""
    return bench.lab.start_pings(source, INNER[target, 4], interval='0.01')


def keys(ends):
    """The SPIs that both ends agree on, once each has one IKE SA with one child, and no other is on its way out."""
    seen = []
    for end in ends:
        standing = [sa for sa in end.sas() if sa['state'] not in ('DELETING', 'REKEYED')]
        children = [child for sa in standing for child in sa['children'] if child['state'] != 'DELETED']
        if [sa['state'] for sa in standing] != ['ESTABLISHED'] or [c['state'] for c in children] != ['INSTALLED']:
            return None
        seen.append((standing[0]['initiator-spi'], {children[0]['spi-in'], children[0]['spi-out']}))
    return seen[0] if seen[0] == seen[1] else None


def rekey_at_once(ends, rounds, *commands):
    """All ends rekey at the same time, `rounds` times; each time both come to the same new SAs."""
    barrier = threading.Barrier(len(ends) + 1)
    threads = [Rekeyer(end, barrier, rounds, commands) for end in ends]
    for thread in threads:
        thread.start()
    for number in range(rounds):
        before = wait_for(lambda: keys(ends), f'one tunnel before round {number}', 60)
        barrier.wait(120)
        barrier.wait(120)
        wait_for(lambda: changed(before, keys(ends), commands), f'new keys of round {number}', 60)
    for thread in threads:
        thread.join(10)
        assert not thread.failure, thread.failure


def changed(before, after, commands):
    return after and all(before['ike' not in command] != after['ike' not in command] for command in commands)


@pytest.mark.parametrize('row', [PSK, PFS], ids=str)
def test_both_rekey_the_child_at_once(bench, row):
    ends = bench.start(row, moon='tern', sun='charon')
    ends[0].up()
    there, back = traffic(bench, 'alice', 'bob'), traffic(bench, 'bob', 'alice')
    with bench.wire() as wire:
        rekey_at_once(ends, CHILD_ROUNDS if row is PSK else CHILD_ROUNDS // 10, {'child': 'net'})
    assert (there.lost(), back.lost()) == ([], [])
    wire.assert_only_encrypted()
    assert_agreement(*ends, row)


def test_both_rekey_the_ike_sa_at_once(bench):
    """A redundant IKE SA whose maker forgot it (§2.8.2: it was asked to delete the old one first) may wait for its
    timer, in state REKEYED; nothing else may be left."""
    ends = bench.start(PSK, moon='tern', sun='charon')
    ends[0].up()
    child = ends[0].the_child()
    pings = traffic(bench, 'alice', 'bob')
    rekey_at_once(ends, IKE_ROUNDS, {'ike': 'site'})
    assert pings.lost() == []
    spis = wait_for(lambda: keys(ends), 'one tunnel at the end')[1]
    assert child['spi-in'] in spis, 'the child must move to the new IKE SA as it is'


def test_both_rekey_everything_at_once(bench):
    """What crosses is refused with TEMPORARY_FAILURE (§2.25) and comes again after seconds. Charon drops a response whose
    message ID is that of a request that it works on just then, and asks again a second later."""
    ends = bench.start(PSK, moon='tern', sun='charon')
    ends[0].up()
    pings = traffic(bench, 'alice', 'bob')
    rekey_at_once(ends, BOTH_ROUNDS, {'child': 'net'}, {'ike': 'site'})
    assert pings.lost() == []
    assert wait_for(lambda: keys(ends), 'one tunnel at the end')
