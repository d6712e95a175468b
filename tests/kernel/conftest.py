"""These tests need a kernel with ESP: they run in a User Mode Linux guest, all in one boot (tests/run kernel), or some of
them by hand: tests/uml /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/kernel/test_X.py"""

import os

import pytest


def pytest_configure(config):
    if os.environ.get('TERN_GUEST') != 'uml':
        raise pytest.UsageError('tests/kernel runs in a guest: tests/run kernel, or see tests/uml --help')
