"""The small notifies about Child SAs between ternd (on moon) and charon (on sun)."""

from lab import NETWORKS, OUTER, Tunnel, assert_agreement, wait_for

TFC = {'children.net.tfc_padding': '1000'}


def test_charon_takes_tfc_padding(bench):
    """With kernel-libipsec it does not say ESP_TFC_PADDING_NOT_SUPPORTED, and indeed it unpads: pings of 84 octets come through
    in packets that are all of one, longer size."""
    moon, sun = bench.start(Tunnel('tfc', moon=TFC), moon='tern', sun='charon')
    with bench.wire() as wire:
        sun.up()
        bench.ping_both_ways()
    assert_agreement(moon, sun)
    wire.assert_only_encrypted()
    sizes = {frame.size for frame in wire.of('esp') if frame.source == OUTER['moon', 4]}
    assert len(sizes) == 1 and 1000 < min(sizes) < 1100, sizes
    assert "can't have TFC padding" not in moon.output()


def test_charon_asks_for_more_than_one_of_our_children_has(bench):
    """Moon's networks are in two children: charon's wide request is narrowed to the first, and told that there is more."""
    moon = {'children.net.local_ts': '10.1.0.0/28', 'children.other': {
        'local_ts': '10.1.0.128/28', 'remote_ts': NETWORKS['sun', 4]}}
    ends = bench.start(Tunnel('more-possible', moon=moon), moon='tern', sun='charon')
    ends[1].up()
    assert len(ends[1].children()) == 1
    assert 'N(ADD_TS_POSS)' in ends[1].output()
    wait_for(ends[0].children, 'the child')
