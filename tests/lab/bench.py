"""What a test holds in its hands: the network, the certificates, the capture, and two daemons set up from one row."""

import os
import re

from .capture import Capture, Wire
from .certificates import Certificates
from .config import algorithms
from .daemons import Charon, Tern, only
from .network import eventually, wait_for
from .pluto import Pluto

# TERN_STANDIN=charon proves the tests themselves, with charon on both ends.
DAEMONS = {'tern': Charon if os.environ.get('TERN_STANDIN') == 'charon' else Tern, 'charon': Charon, 'pluto': Pluto}
ALGORITHMS = ('encr-alg', 'encr-keysize', 'integ-alg', 'integ-keysize', 'prf-alg', 'dh-group', 'esn')


class Bench:
    def __init__(self, lab):
        self.lab, self.certificates = lab, Certificates(lab.directory / 'certificates')
        self.capture = Capture(lab)

    def end(self):
        self.capture.end()

    def prepare(self, tunnel, moon='tern', sun='tern'):
        """Write both configurations, and start nothing yet."""
        return tuple(DAEMONS[kind](self.lab, host, tunnel, self.certificates)
                     for host, kind in (('moon', moon), ('sun', sun)))

    def start(self, tunnel, moon='tern', sun='tern'):
        """Start the daemons of both hosts with this row's configuration."""
        daemons = self.prepare(tunnel, moon, sun)
        for daemon in daemons:
            daemon.start()
        return daemons

    def established(self, tunnel, first='tern'):
        """ternd on moon and charon on sun, by their kinds, with the tunnel that `first` began; packets cross it."""
        moon, sun = self.start(tunnel, moon='tern', sun='charon')
        ends = {'tern': moon, 'charon': sun}
        ends[first].up()
        self.ping_both_ways(*tunnel.inner)
        return ends

    def wire(self):
        return Wire(self.capture, self.lab.daemons)

    def ping_both_ways(self, *families):
        self.lab.ping_both_ways(*families)

    def leave(self):
        """The end of a test that went well: every daemon must end well, too."""
        for daemon in list(self.lab.daemons):
            if daemon.process:
                daemon.leave()

    def logs(self):
        """Everything that the daemons and our commands said, for a failure's report."""
        for daemon in self.lab.daemons:
            yield f'{daemon.kind} on {daemon.host.name}: configuration', daemon.conf.text
            yield f'{daemon.kind} on {daemon.host.name}: commands', daemon.commands
            yield f'{daemon.kind} on {daemon.host.name}: log', brief(daemon.output())


def brief(log):
    """A log without the values of every option that charon repeats when it loads a connection, and without pluto's
    list of what it can do."""
    log = log.split('seccomp security not supported')[-1]
    return '\n'.join(line for line in log.splitlines() if not re.search(r'\[CFG\] +\w+ = ', line))


def assert_agreement(moon, sun, tunnel=None):
    """Both ends come to list one IKE SA and one Child SA, with the same SPIs, and with the same algorithms: those of the
    row, if given. They may be at it still: charon rekeys by itself after a move."""
    ike, child = eventually(lambda: the_same_sas(moon, sun))
    assert child[0]['mode'] == child[1]['mode'], child
    assert sorted(child[0]['local-ts']) == sorted(child[1]['remote-ts']), child
    assert sorted(child[0]['remote-ts']) == sorted(child[1]['local-ts']), child
    for pair in (ike, child):
        agreed = [{key: sa[key] for key in ALGORITHMS if key in sa} for sa in pair]
        assert agreed[0] == agreed[1], 'the ends disagree on the algorithms'
    if tunnel:
        assert_algorithms(ike[0], algorithms(tunnel.ike, prf=True))
        assert_algorithms(child[0], algorithms(tunnel.esp))


def the_same_sas(moon, sun):
    """The IKE SA and its Child SA as each end has them now."""
    sas = (moon.sas(), sun.sas())
    ike = [only(found, 'ESTABLISHED') for found in sas]
    assert all(ike), f'not one IKE SA at each end: {sas}'
    child = [only(sa['children'], 'INSTALLED') for sa in ike]
    assert all(child), f'not one Child SA at each end: {sas}'
    assert ike[0]['initiator-spi'] == ike[1]['initiator-spi'], ike
    assert ike[0]['responder-spi'] == ike[1]['responder-spi'], ike
    assert child[0]['spi-in'] == child[1]['spi-out'], child
    assert child[0]['spi-out'] == child[1]['spi-in'], child
    return ike, child


def assert_algorithms(sa, wanted):
    found = {key: sa.get(key) for key in wanted}
    assert found == wanted, f'agreed on {found}, but the configuration says {wanted}'


def assert_gone(*daemons):
    """No IKE SA is left on these."""
    for daemon in daemons:
        wait_for(lambda: not daemon.sas(), f'the IKE SA on {daemon.host.name} to go')


def assert_childless(*daemons):
    """An IKE SA is left on these, without a child."""
    for daemon in daemons:
        wait_for(lambda: daemon.established() and not daemon.the_ike()['children'],
                 f'the Child SA on {daemon.host.name} to go')
