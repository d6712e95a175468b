"""The network of the lab: two sites with a router between them, each box a network namespace.

      site moon                                                                  site sun
   10.1.0.0/24                                                                 10.2.0.0/24
   10.1.1.0/24                                                                 10.2.1.0/24
   fd00:10:1::/64                                                              fd00:10:2::/64

   +-------+ .10    .1 +------+ .1    .254 +--------+ .254    .1 +-----+ .1    .10 +-----+
   | alice |-----------| moon |------------| router |------------| sun |-----------| bob |
   +-------+ in    lan +------+ wan   moon +--------+ sun    wan +-----+ lan    in +-----+
                         ternd  172.16.1.0/24      172.16.2.0/24  ternd or
                                fd00:1::/64          fd00:2::/64  charon

The router forwards, captures, and translates addresses (nftables) where a test asks for it. It has no route to
the sites' inner networks: what is not in a tunnel doesn't arrive. Namespaces carry the process id of the run in
their names, so that runs don't meet, and vanish with it; daemons die with the run as well.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

# The guest's kernel (tests/uml) has no nftables for IP, but the tables before it.
GUEST = os.environ.get('TERN_GUEST')
CLONE_NEWNET = 0x40000000
NETLINK_NETFILTER, CT_DELETE = 12, 0x102
HOSTS = ('alice', 'moon', 'router', 'sun', 'bob')

#        one end           the other end
LINKS = (('alice', 'in', 'moon', 'lan'),
         ('moon', 'wan', 'router', 'moon'),
         ('router', 'sun', 'sun', 'wan'),
         ('sun', 'lan', 'bob', 'in'))

ADDRESSES = {
    ('alice', 'in'): ('10.1.0.10/24', '10.1.1.10/24', 'fd00:10:1::10/64'),
    ('moon', 'lan'): ('10.1.0.1/24', '10.1.1.1/24', 'fd00:10:1::1/64'),
    ('moon', 'wan'): ('172.16.1.1/24', 'fd00:1::1/64'),
    ('router', 'moon'): ('172.16.1.254/24', 'fd00:1::254/64'),
    ('router', 'sun'): ('172.16.2.254/24', 'fd00:2::254/64'),
    ('sun', 'wan'): ('172.16.2.1/24', 'fd00:2::1/64'),
    ('sun', 'lan'): ('10.2.0.1/24', '10.2.1.1/24', 'fd00:10:2::1/64'),
    ('bob', 'in'): ('10.2.0.10/24', '10.2.1.10/24', 'fd00:10:2::10/64'),
}

GATEWAYS = {
    'alice': ('10.1.0.1', 'fd00:10:1::1'),
    'moon': ('172.16.1.254', 'fd00:1::254'),
    'sun': ('172.16.2.254', 'fd00:2::254'),
    'bob': ('10.2.0.1', 'fd00:10:2::1'),
}

OUTER = {('moon', 4): '172.16.1.1', ('moon', 6): 'fd00:1::1',
         ('sun', 4): '172.16.2.1', ('sun', 6): 'fd00:2::1',
         ('router', 4): '172.16.1.254', ('router', 6): 'fd00:1::254'}
INNER = {('alice', 4): '10.1.0.10', ('alice', 6): 'fd00:10:1::10',
         ('bob', 4): '10.2.0.10', ('bob', 6): 'fd00:10:2::10'}
NETWORKS = {('moon', 4): '10.1.0.0/24', ('moon', 6): 'fd00:10:1::/64',
            ('sun', 4): '10.2.0.0/24', ('sun', 6): 'fd00:10:2::/64'}


# A second way out of a site, for tests of mobility: the device on the host and on the router, and the network.
SECOND = {'moon': ('wan2', 'moon2', 3), 'sun': ('wan2', 'sun2', 4)}
OUTER_SECOND = {('moon', 4): '172.16.3.1', ('moon', 6): 'fd00:3::1', ('sun', 4): '172.16.4.1', ('sun', 6): 'fd00:4::1'}


class LabError(Exception):
    """The lab could not do what a test asked of it."""


def wait_for(condition, what, seconds=30):
    """Poll until the condition holds and return its value. The bound is for slow machines: it costs nothing else."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f'waited {seconds} s in vain for {what}')
        time.sleep(0.02)


def eventually(check, seconds=30):
    """Repeat a check until its assertions hold, and return its value; in the end they must."""
    end = time.monotonic() + seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)


def run(*command, check=True, input='', timeout=90, environment=None):
    """Run a short command to its end; its output is the result's stdout."""
    try:
        result = subprocess.run([str(word) for word in command], text=True, input=input, errors='replace',
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=timeout, env={**os.environ, **(environment or {})})
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b'').decode(errors='replace')
        raise LabError(f'{" ".join(map(str, command))}: no end after {timeout} s\n{said}') from None
    if check and result.returncode:
        raise LabError(f'{" ".join(map(str, command))}: exit code {result.returncode}\n{result.stdout}')
    return result


class Process:
    """A program in the background on one host; its output is kept in a file."""

    def __init__(self, command, log, environment=None):
        self.name, self.log = pathlib.Path(log).stem, pathlib.Path(log)
        with open(log, 'ab') as output:
            self.popen = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output,
                                          env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''

    def end(self, how=signal.SIGTERM, seconds=30):
        """Ask the program to end, insist when it doesn't, and return its exit code."""
        if self.running():
            self.popen.send_signal(how)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return None


class Pings:
    """Pings in the background, 20 a second if not said otherwise: they go on until lost() asks for the verdict."""

    def __init__(self, host, target, count, interval, log):
        self.count = count
        self.process = host.start('ping', '-n', '-i', interval, target, log=log)

    def output(self):
        return self.process.output()

    def answered(self):
        return {int(number) for number in re.findall(r'icmp_seq=(\d+) ttl', self.output())}

    def lost(self):
        """Wait until `count` of them and some of those that are sent from now on have come back, end, and return the
        numbers of the others but for those still under way: a reply may be late, and ping itself counts it as lost."""
        wanted = max(self.count, len(self.answered()) + 20)
        wait_for(lambda: len(self.answered()) >= wanted, f'{wanted} pings to come back', 60)
        back = self.answered()
        self.process.end(signal.SIGINT)
        return sorted(set(range(1, max(back))) - self.answered())


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
        raise LabError(f'setns: {os.strerror(ctypes.get_errno())}')


class Host:
    """One network namespace, with a directory of its own that is /run for the daemons on it."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.namespace = f'tern-{os.getpid()}-{name}'
        self.directory = lab.directory / name
        (self.directory / 'run').mkdir(parents=True)
        (self.directory / 'hosts').write_text('127.0.0.1 localhost\n::1 localhost\n')

    def command(self, *words):
        """What to execute so that these words run on this host, as the very process that we start."""
        return ['nsenter', f'--net=/run/netns/{self.namespace}', *map(str, words)]

    def run(self, *words, check=True, **options):
        return run(*self.command(*words), check=check, **options)

    @contextlib.contextmanager
    def inside(self):
        """Be in this namespace ourselves: what is opened there stays there. A program costs much in a guest."""
        with open('/proc/self/ns/net') as ours, open(f'/run/netns/{self.namespace}') as theirs:
            enter(theirs)
            try:
                yield
            finally:
                enter(ours)

    def start(self, *words, log):
        return Process(self.command('setpriv', '--pdeathsig', 'TERM', *words), log)

    def start_daemon(self, *words, log, environment=None):
        """Start a daemon that sees this host's /run and /etc/hosts, and ends no later than we do."""
        mounts = (f'mount --bind {self.directory}/run /run && '
                  f'mount --bind {self.directory}/hosts /etc/hosts && mount -t sysfs sysfs /sys && exec "$@"')
        return Process(self.command('unshare', '--mount', '--propagation', 'private',
                                    'setpriv', '--pdeathsig', 'TERM', 'sh', '-c', mounts, 'sh', *words),
                       log, environment)

    def state(self):
        """Devices, addresses, routes and rules: what a daemon must leave as it found it."""
        links = self.run('ip', '-o', 'link').stdout
        rest = self.run('sh', '-c', 'ip -o address; ip rule; ip -6 rule; ip route show table all; '
                        'ip -6 route show table all').stdout
        rest = re.sub(r' (valid_lft|preferred_lft|expires) \w+', '', rest)
        return '\n'.join(re.findall(r'^\d+: [^:]+:', links, re.MULTILINE) +
                         [line.strip() for line in rest.splitlines() if ' cache ' not in line])


class Lab:
    """The network above. Use it as a context manager: it takes everything down at the end."""

    def __init__(self, keep=None):
        self.directory = pathlib.Path(keep or tempfile.mkdtemp(prefix=f'tern-lab-{os.getpid()}-'))
        self.keep, self.hosts, self.daemons, self.helpers = keep, {}, [], []
        self.serial, self.hidden = 0, False

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError('network namespaces need root: run this with sudo')
        try:
            self.sweep()
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def __getitem__(self, name):
        return self.hosts[name]

    @staticmethod
    def sweep():
        """Remove what runs that were killed left: namespaces and directories whose process is no more."""
        for line in run('ip', 'netns', 'list').stdout.splitlines():
            match = re.match(r'tern-(\d+)-\w+', line)
            if match and not os.path.exists(f'/proc/{match[1]}'):
                run('ip', 'netns', 'delete', match[0], check=False)
        for path in pathlib.Path(tempfile.gettempdir()).glob('tern-lab-*-*'):
            if path.name.split('-')[2].isdigit() and not os.path.exists(f'/proc/{path.name.split("-")[2]}'):
                shutil.rmtree(path, ignore_errors=True)

    def build(self):
        self.hosts = {name: Host(self, name) for name in HOSTS}
        for host in self.hosts.values():
            run('ip', 'netns', 'add', host.namespace)
            host.run('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad')
        for here, device, there, peer in LINKS:
            run('ip', 'link', 'add', device, 'netns', self[here].namespace, 'type', 'veth',
                'peer', 'name', peer, 'netns', self[there].namespace)
        for host in self.hosts.values():
            forward = 0 if host.name in ('alice', 'bob') else 1
            lines = ['link set lo up']
            for (name, device), addresses in ADDRESSES.items():
                if name == host.name:
                    lines += [f'address add {address} dev {device}' + (' nodad' if ':' in address else '')
                              for address in addresses]
                    lines += [f'link set {device} up']
            lines += [f'route add default via {gateway}' for gateway in GATEWAYS.get(host.name, ())]
            for family in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding'):
                host.run('sh', '-c', f'echo {forward} > /proc/sys/net/{family}')
            host.run('ip', '-batch', '-', input='\n'.join(lines) + '\n')
        wait_for(lambda: not any(re.search('tentative|state DOWN', host.run('ip', 'address').stdout)
                                 for host in self.hosts.values()), 'links and addresses')

    def remove(self):
        self.stop_everything()
        for host in self.hosts.values():
            run('ip', 'netns', 'delete', host.namespace, check=False)
        self.hosts = {}
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop_everything(self):
        for process in self.daemons + self.helpers:
            process.end()
        self.daemons, self.helpers = [], []

    def reset(self):
        """Back to an empty network without daemons and pings, for the next test. The capture goes on."""
        self.stop_everything()
        self.show_all()
        self.forget_flows()
        for name in ('moon', 'sun', 'alice', 'bob'):
            (self[name].directory / 'hosts').write_text('127.0.0.1 localhost\n::1 localhost\n')
            if not GUEST:   # where no test changes the MTU of a path
                self[name].run('sh', '-c', 'ip route flush cache; ip -6 route flush cache')

    def show_all(self):
        """The router translates nothing any more, and its links are as wide as they were."""
        if not GUEST:
            self['router'].run('sh', '-c', 'nft flush ruleset; ip link set moon mtu 1500; ip link set sun mtu 1500')
        elif self.hidden:
            self['router'].run('iptables-legacy', '-t', 'nat', '-F')
        self.hidden = False

    def fresh_log(self, name):
        self.serial += 1
        return self.directory / f'{self.serial:03}-{name}.log'

    def hide(self, site):
        """Let the router translate the addresses of one site's outer network to its own."""
        other = {'moon': 'sun', 'sun': 'moon'}[site]
        self.hidden = True
        if GUEST:
            self['router'].run('iptables-legacy', '-t', 'nat', '-A', 'POSTROUTING', '!', '-s', f'{OUTER[other, 4]}/24',
                               '-o', other, '-j', 'MASQUERADE')
            return
        rules = f"""
            table inet nat {{
                chain postrouting {{
                    type nat hook postrouting priority srcnat;
                    iifname "{site}" oifname "{other}" masquerade
                }}
            }}"""
        self['router'].run('nft', '-f', '-', input=rules)

    def rebind(self, site, ports):
        """Let the router forget the mappings of a site that it hides, and give new ones with these ports: '20000-20999'."""
        other = {'moon': 'sun', 'sun': 'moon'}[site]
        rule = f'iifname "{site}" oifname "{other}" udp dport 1-65535 masquerade to :{ports}'
        self['router'].run('nft', 'insert', 'rule', 'inet', 'nat', 'postrouting', rule)
        self.forget_flows()

    def forget_flows(self):
        """Let the router forget all mappings: without that, a flow goes on being translated when the rules are gone."""
        with self['router'].inside():
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        with netlink:
            netlink.send(struct.pack('=IHHIIBBH', 20, CT_DELETE, 5, 1, 0, 0, 0, 0))   # of all, acknowledged
            error = struct.unpack('=i', netlink.recv(4096)[16:20])[0]
        if error:
            raise LabError(f'forgetting flows: {os.strerror(-error)}')

    @contextlib.contextmanager
    def second_link(self, site):
        """Give a site another way out beside its wan, used by default when that is down; and undo what was done to wan."""
        device, peer, number = SECOND[site]
        host, router = self[site], self['router']
        run('ip', 'link', 'add', device, 'netns', host.namespace, 'type', 'veth',
            'peer', 'name', peer, 'netns', router.namespace)
        lines = [f'address add 172.16.{number}.254/24 dev {peer}', f'address add fd00:{number}::254/64 dev {peer} nodad',
                 f'link set {peer} up']
        router.run('ip', '-batch', '-', input='\n'.join(lines) + '\n')
        lines = [f'address add 172.16.{number}.1/24 dev {device}', f'address add fd00:{number}::1/64 dev {device} nodad',
                 f'link set {device} up', f'route add default via 172.16.{number}.254 metric 2000',
                 f'route add default via fd00:{number}::254 metric 2000',
                 f'route add default via 172.16.{number}.254 table 10{number}',
                 f'route add default via fd00:{number}::254 table 10{number}']
        host.run('ip', '-batch', '-', input='\n'.join(lines) + '\n')
        for family, address in (4, f'172.16.{number}.1'), (6, f'fd00:{number}::1'):
            host.run('ip', f'-{family}', 'rule', 'add', 'from', address, 'lookup', f'10{number}')
        wait_for(lambda: 'state UP' in host.run('ip', 'link', 'show', device).stdout, f'{device} of {site}')
        try:
            yield device
        finally:
            self.first_link_up(site)
            host.run('sh', '-c', f'ip link del {device}; ip rule del from 172.16.{number}.1; ip -6 rule del from fd00:{number}::1')

    def first_link_up(self, site):
        """Bring a site's wan up with its addresses and routes, if it isn't."""
        lines = ['link set wan up'] + [f'address replace {address} dev wan' + (' nodad' if ':' in address else '')
                                       for address in ADDRESSES[site, 'wan']]
        lines += [f'route replace default via {gateway}' for gateway in GATEWAYS[site]]
        self[site].run('ip', '-batch', '-', input='\n'.join(lines) + '\n')

    def ping(self, source, target, *options, count=2):
        """Ping an address from a host and return ping's result."""
        return self[source].run('ping', '-n', '-c', count, '-i', '0.05', '-W', '10', *options, target,
                                check=False)

    def ping_both_ways(self, *families):
        """Prove that packets cross between the sites, in both directions."""
        for family in families or (4,):
            for source, target in (('alice', 'bob'), ('bob', 'alice')):
                # With -w a ping whose answer is late is waited for, and is not lost for that.
                result = self.ping(source, INNER[target, family], '-w', '20')
                assert result.returncode == 0, f'no ping from {source} to {target}:\n{result.stdout}'
                assert all(f'icmp_seq={number} ttl' in result.stdout for number in (1, 2)), result.stdout

    def send(self, source, target, port, datagram):
        """Send one UDP datagram from a host, as it is."""
        path = self.directory / 'datagram'
        path.write_bytes(datagram)
        self[source].run('bash', '-c', f'cat {path} > /dev/udp/{target}/{port}')

    def transfer(self, size, family=4, source='alice', target='bob', address=None):
        """Send so many bytes by TCP with iperf3, from alice to bob if not said, and return the rate in Mbit/s."""
        server = self[target].start('iperf3', '-s', '-1', '--forceflush', log=self.fresh_log('iperf3'))
        self.helpers.append(server)
        wait_for(lambda: 'listening' in server.output(), 'iperf3 to listen')
        result = self[source].run('iperf3', '-c', address or INNER[target, family], '-n', size, '-J',
                                   '--connect-timeout', '20000', timeout=120)
        end = json.loads(result.stdout)['end']
        assert end['sum_sent']['bytes'] >= size, end
        return end['sum_received']['bits_per_second'] / 1e6

    def start_pings(self, source, target, count=40, interval='0.05', answered=True):
        """Pings in the background, of which at least so many are to come back; the first one has, if not said."""
        pings = Pings(self[source], target, count, interval, self.fresh_log('ping'))
        self.helpers.append(pings.process)
        if answered:
            wait_for(pings.answered, 'the first ping to come back')
        return pings


def end_on_signals():
    """Turn SIGTERM and SIGHUP into an ordinary exit, so that the lab is taken down."""
    def leave(number, _):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
