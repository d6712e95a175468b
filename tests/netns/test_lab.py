"""The lab itself, proven with strongSwan on both ends: what fails here is not tern's fault."""

from lab import Tunnel, assert_agreement, assert_gone

PSK = Tunnel('psk', inner=(4, 6))


def test_the_lab_carries_a_tunnel_between_two_charons(bench):
    moon, sun = bench.start(PSK, moon='charon', sun='charon')
    with bench.wire() as wire:
        moon.up()
        bench.ping_both_ways(4, 6)
    assert_agreement(moon, sun, PSK)
    wire.assert_only_encrypted()
    # An INFORMATIONAL may cross, too: charon tells its addresses again when the device of its plane has come.
    assert {frame.ike.exchange for frame in wire.ike()} - {'INFORMATIONAL'} == {'IKE_SA_INIT', 'IKE_AUTH'}
    sun.end_ike()
    assert_gone(moon, sun)


def test_the_lab_sees_plaintext(bench):
    with bench.wire() as wire:
        bench.lab.ping('moon', '172.16.2.1')
    assert [frame.kind for frame in wire.frames if frame.kind not in ('neighbour', 'mark')] == ['plain'] * 4
