"""The guest itself: what fails here is not tern's fault."""

from lab import INNER, OUTER


def esp(lab, host, peer, here, there):
    """Both ways of a tunnel between two sites by hand, as this host's kernel has them."""
    keys = {'moon': ('0x1001', '11' * 20), 'sun': ('0x2002', '22' * 20)}
    outer = {host: OUTER[host, 4], peer: OUTER[peer, 4]}
    lines = []
    for source, target in ((host, peer), (peer, host)):
        spi, key = keys[source]
        lines.append(f'state add src {outer[source]} dst {outer[target]} proto esp spi {spi} mode tunnel '
                     f'aead rfc4106(gcm(aes)) 0x{key} 128')
        policy = f'src {outer[source]} dst {outer[target]} proto esp mode tunnel'
        for direction in ('out',) if source == host else ('in', 'fwd'):
            nets = f'src {here} dst {there}' if source == host else f'src {there} dst {here}'
            lines.append(f'policy add {nets} dir {direction} tmpl {policy}')
    lab[host].run('ip', '-batch', '-', input='\n'.join(f'xfrm {line}' for line in lines) + '\n')


def test_the_kernel_has_esp_in_each_namespace(bench):
    nets = {'moon': '10.1.0.0/24', 'sun': '10.2.0.0/24'}
    hosts = (('moon', 'sun'), ('sun', 'moon'))
    for host, peer in hosts:
        esp(bench.lab, host, peer, nets[host], nets[peer])
    try:
        with bench.wire() as wire:
            there = bench.lab.ping('alice', INNER['bob', 4])
            assert there.returncode == 0, there.stdout
        wire.assert_only_encrypted(protocol=50)
    finally:
        for host, _ in hosts:
            bench.lab[host].run('sh', '-c', 'ip xfrm policy flush; ip xfrm state flush')
