"""What bench/throughput found, as bench/RESULTS.md: tables, ratios, what is aimed at, and where the time went."""

import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get('TERN_BUILD', ROOT / 'build')).resolve()
# What tern's rate is to be, as a ratio to another's: workload, system, at least.
AIMS = (('TCP, 1 stream', 'forward', 0.75), ('TCP, 4 streams', 'forward', 0.75),
        ('TCP, 1 stream', 'wireguard-go', 2.5), ('TCP, 4 streams', 'wireguard-go', 2.5),
        ('TCP, 1 stream', 'libipsec', 18), ('TCP, 4 streams', 'libipsec', 18),
        ('UDP, 64 octets', 'wireguard-go', 2))
PROFILED = ('TCP, 1 stream', 'TCP, 4 streams', 'UDP, 64 octets')
# Where a sample belongs: the first whose pattern fits "library symbol".
PARTS = (('cipher', r'^(libIPSec_MB|libcrypto)'), ('checksums', r' (checksum_\w+|sum_blocks\S*|ipv4_checksum)$'),
         ('copies in user space', r'^libc\S* \S*mem(move|cpy|set)'), ('the rest of the program', r'^(ternd|forward|libc|libuv|\[vdso)'),
         ('copies by the kernel', r' (_copy_(to|from)_iter|copy_user\S*|rep_movs\S*|memcpy\S*|skb_copy\S*)$'), ('the rest of the kernel', r''))


def shown(workload, row):
    cpu = ' + '.join(f'{one:.2f}' for one in row['cpu']) or '-'
    return f'{workload.rate(row):7.2f} {workload.unit}, CPU s/GB {cpu}, of all {row["busy"]:.2f}'


def table(heads, rows):
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


def ratio(found, name, system):
    """Of packets' rate and of octets' alike: a workload has one size."""
    key = 'packets' if found['tern'][name]['packets'] else 'gbit'
    return found['tern'][name][key] / max(found[system][name][key], 1e-9)


def aims(found):
    rows = [[name, system, f'{ratio(found, name, system):.2f}', str(aim), 'yes' if ratio(found, name, system) >= aim else 'no']
            for name, system, aim in AIMS if 'tern' in found and system in found and name in found['tern']]
    return table(['tern, as a ratio', 'to', 'is', 'is to be at least', 'met'], rows) if rows else ''


def part_of(library, symbol):
    return next(part for part, pattern in PARTS if re.search(pattern, f'{library} {symbol}'))


def parts(text):
    """The shares of one perf report, in percent."""
    found = dict.fromkeys((part for part, _ in PARTS), 0)
    for share, library, symbol in re.findall(r'^ +([\d.]+)% +(\S+) +\[.\] (\S+)', text, re.MULTILINE):
        found[part_of(library, symbol)] += float(share)
    return found


def where_time_goes(found):
    """CPU seconds for a gigabyte by part, sender + receiver."""
    heads, columns = [''], []
    for name in PROFILED:
        for system in ('forward', 'tern'):
            texts = found[system].get('profile', {}).get(name)
            if not texts:
                return 'perf isn\'t there.'
            heads.append(f'{name}: {system}')
            columns.append([(parts(text), cpu) for text, cpu in zip(texts, found[system][name]['cpu'])])
    rows = [[part] + [' + '.join(f'{shares[part] * cpu / 100:.2f}' for shares, cpu in ends) for ends in columns] for part, _ in PARTS]
    return table(heads, rows)


def results(found, workloads, seconds):
    """The text of RESULTS.md."""
    cpu = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())[1]
    commit = subprocess.run(['git', 'describe', '--always', '--dirty'], cwd=ROOT, text=True, capture_output=True).stdout.strip()
    names = list(found)
    rates = [[f'{name} ({workload.unit})'] + [f'{workload.rate(found[s][name]):.2f}' for s in names] for name, workload in workloads.items()]
    packets = [[name] + [f'{found[s][name]["packets"] / 1000:.0f}' for s in names] for name in workloads if found['tern'][name]['packets']]
    costs = [[name] + [' + '.join(f'{one:.2f}' for one in found[s][name]['cpu']) + f' / {found[s][name]["busy"]:.2f}' for s in names]
             for name in workloads]
    ratios = [[name] + [f'{ratio(found, name, s):.2f}' for s in names if s != 'tern'] for name in workloads]
    times = [[s, f'{found[s]["latency"]["p50"]:.0f}', f'{found[s]["latency"]["p99"]:.0f}', str(found[s]['latency']['lost'])] for s in names]
    notes = ROOT / 'bench/NOTES.md'
    return f"""# Throughput

Written by `make throughput` on {time.strftime('%Y-%m-%d')}: commit {commit}, {os.cpu_count()} cores ({cpu}), Linux {os.uname().release},
{seconds} s for each number; a load of {os.getloadavg()[2]:.1f} over the last quarter of an hour. Both ends, the programs that send and receive, and the
router between them share these cores.

{table([''] + names, rates)}

Thousands of packets a second:

{table([''] + names, packets)}

tern, as a ratio to:

{table([''] + [s for s in names if s != 'tern'], ratios)}

{aims(found)}

CPU seconds for a gigabyte, moon's process + sun's / the whole machine:

{table([''] + names, costs)}

Round trips of pings, 1000 a second, in µs:

{table(['', 'p50', 'p99', 'lost of 3000'], times)}

![Gbit/s](results.svg)

## Where the time goes

CPU seconds for a gigabyte, sender + receiver, by perf:

{where_time_goes(found)}

""" + (notes.read_text() if notes.exists() else '')


def plot(found, workloads):
    names = [name for name, workload in workloads.items() if workload.unit == 'Gbit/s']
    lines = ['\t'.join(['"workload"'] + [f'"{s}"' for s in found])]
    lines += ['\t'.join([f'"{name}"'] + [f'{found[s][name]["gbit"]:.3f}' for s in found]) for name in names]
    data = BUILD / 'throughput.dat'
    data.write_text('\n'.join(lines) + '\n')
    commands = f"""
        set terminal svg size 1100,420 font 'sans,12'
        set output '{ROOT}/bench/results.svg'
        set style data histograms
        set style fill solid 0.8
        set key autotitle columnheader outside
        set ylabel 'Gbit/s'
        set yrange [0:*]
        set grid ytics
        plot for [i=2:{len(found) + 1}] '{data}' using i:xtic(1)
        """
    subprocess.run(['gnuplot'], input=commands, text=True, check=True)
