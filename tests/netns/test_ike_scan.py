"""ike-scan, which asks whoever may speak IKEv1, against ternd: what a connection allows is answered by the transform that
was chosen, in main and aggressive mode; a connection that doesn't allow it gives nothing away.

    ike-scan on sun ==(router)== ternd on moon
"""

import pytest

from lab import OUTER, Tunnel

WEAK, GOOD, OTHER = '(1=5,2=2,3=1,4=2)', '(1=7,14=128,2=4,3=1,4=14)', '(1=7,14=256,2=6,3=1,4=14)'
RSA, ENCRYPTED, REVISED = (GOOD.replace('3=1', f'3={method}') for method in (3, 4, 5))


def scanned(bench, transforms, *options, **connection):
    tunnel = Tunnel('scan', ike='aes128-sha256-modp2048', both={'version': 1, **connection})
    moon, _ = bench.prepare(tunnel)
    moon.start()
    words = [f'--trans={transform}' for transform in transforms]
    return bench.lab.hosts['sun'].run('ike-scan', '--retry=2', '--timeout=700', *words, *options, OUTER['moon', 4]).stdout


def aggressive(group, identity='sun.tern.test'):
    return '--aggressive', f'--dhgroup={group}', f'--id={identity}', '--idtype=2'


CHOSEN = 'Enc=AES KeyLength=128 Hash=SHA2-256 Auth=PSK', 'Group=14:modp2048'


def assert_chosen(said, mode, *words):
    for word in (f'{mode} Mode Handshake returned', '1 returned handshake', *words):
        assert word in said, said


def assert_refused(said):
    assert 'NO-PROPOSAL-CHOSEN' in said and '0 returned handshake; 1 returned notify' in said, said


def assert_silence(said):
    assert '0 returned handshake; 0 returned notify' in said, said


@pytest.mark.parametrize('transforms', [[GOOD], [WEAK, OTHER, GOOD], [ENCRYPTED, GOOD], [GOOD, WEAK]],
                         ids=['alone', 'last', 'after-encryption', 'first'])
def test_main_mode_chooses_what_the_connection_allows(bench, transforms):
    assert_chosen(scanned(bench, transforms), 'Main', *CHOSEN)


def test_a_weak_one_only_where_it_is_allowed(bench):
    said = scanned(bench, [OTHER, WEAK], proposals='3des-sha1-modp1024')
    assert_chosen(said, 'Main', 'Enc=3DES Hash=SHA1 Auth=PSK Group=2:modp1024')


@pytest.mark.parametrize('transforms', [[WEAK, OTHER], [RSA], [ENCRYPTED], [REVISED]],
                         ids=['other', 'rsa', 'rsa-encryption', 'revised-rsa-encryption'])
def test_what_it_does_not_allow_is_refused_alike(bench, transforms):
    assert_refused(scanned(bench, transforms))


def test_no_connection_with_ikev1_no_answer(bench):
    assert_silence(scanned(bench, [GOOD], version=2))


def test_aggressive_mode_where_it_is_allowed(bench):
    said = scanned(bench, [OTHER, GOOD], *aggressive(14), aggressive=True)
    assert_chosen(said, 'Aggressive', 'moon.tern.test', *CHOSEN)


def test_aggressive_mode_where_it_is_not(bench):
    assert_silence(scanned(bench, [GOOD], *aggressive(14)))


def test_aggressive_mode_of_a_stranger(bench):
    said = scanned(bench, [GOOD], *aggressive(14, 'stranger.tern.test'), aggressive=True)
    assert '0 returned handshake; 1 returned notify' in said and 'AUTHENTICATION-FAILED' in said, said
