"""The lab: hosts in network namespaces, the daemons on them, and what a capture on the router saw."""

from .bench import Bench, assert_agreement, assert_childless, assert_gone
from .config import Tunnel
from .network import INNER, NETWORKS, OUTER, OUTER_SECOND, Lab, LabError, eventually, wait_for
from .vici import Vici, ViciError

__all__ = ['Bench', 'INNER', 'Lab', 'LabError', 'NETWORKS', 'OUTER', 'OUTER_SECOND', 'Tunnel', 'Vici', 'ViciError',
           'assert_agreement', 'assert_childless', 'assert_gone', 'eventually', 'wait_for']
