"""These tests need a kernel with ESP: they run in User Mode Linux guests, each of which has one processor; `tests/run kernel`
boots two, with half of the tests each (--share). Some of them by hand:
tests/uml /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/kernel/test_X.py"""

import os

import pytest


def pytest_addoption(parser):
    parser.addoption('--share', default='1/1', help='K/N: every Nth test from the Kth on')


def pytest_configure(config):
    if os.environ.get('TERN_GUEST') != 'uml':
        raise pytest.UsageError('tests/kernel runs in a guest: tests/run kernel, or see tests/uml --help')


def pytest_collection_modifyitems(config, items):
    share, shares = map(int, config.getoption('share').split('/'))
    items[:] = items[share - 1::shares]
