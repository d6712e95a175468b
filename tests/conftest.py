"""Fixtures of the namespace and interop tests. One network serves the whole run; each test gets it empty, with fresh
daemons. What the daemons wrote is shown where a test fails."""

import pytest

from lab import Bench, Lab
from lab.network import end_on_signals


@pytest.fixture(scope='session')
def session_bench():
    end_on_signals()
    with Lab() as lab:
        bench = Bench(lab)
        yield bench
        bench.end()


@pytest.fixture
def bench(session_bench, request):
    session_bench.lab.reset()
    request.node.bench = session_bench
    yield session_bench
    if getattr(request.node, 'passed', False):
        session_bench.leave()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    bench = getattr(item, 'bench', None)
    if report.when == 'call':
        item.passed = report.passed
    if bench and report.failed:
        report.sections += [section for section in bench.logs() if section[1]]
