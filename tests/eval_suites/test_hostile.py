"""Fifty programs that mean harm do none, and count as failed.

Each would pass if its harm succeeded: so failing means that it was held.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from eval_suites import sandbox
from eval_suites.code import run_many
from eval_suites.sandbox import Limits

pytestmark = pytest.mark.skipif(
    sandbox.problem() is not None, reason=f"cannot confine here: {sandbox.problem()}"
)

LIMITS = Limits(seconds=3.0, cpu_seconds=2, memory_mb=256, output_bytes=16_384)

HOSTILE = {
    # processes
    "fork bomb": "import os\nwhile True: os.fork()",
    "fork bomb that hides errors": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    ),
    "thread bomb": (
        "import threading, time\n"
        "for _ in range(5000): threading.Thread(target=time.sleep, args=(60,)).start()"
    ),
    "subprocess swarm": "import subprocess\nfor _ in range(200): subprocess.Popen(['sleep', '60'])",
    "daemon left behind": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\ntime.sleep(600)"
    ),
    "endless loop": "while True: pass",
    "endless sleep": "import time\ntime.sleep(10**6)",
    "ignores every signal": (
        "import signal, time\n"
        "for n in range(1, 65):\n"
        "    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "while True: time.sleep(1)"
    ),
    "catches being stopped": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "kills its parent": (
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nassert os.getppid() != 1"
    ),
    "kills everybody": (
        "import os, signal, time\n"
        "victims = [int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) > 20]\n"
        "[os.kill(p, signal.SIGKILL) for p in victims]\nassert victims"
    ),
    "kills its group": "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "raises its own limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (resource.RLIM_INFINITY,) * 2)"
    ),
    "raises its priority": "import os\nos.nice(-10)",
    # memory
    "100 GB at once": "x = bytearray(100 * 1024**3)",
    "memory piece by piece": "x = []\nwhile True: x.append(bytearray(10**7))",
    "memory in children": (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n        x = bytearray(200 * 1024**2)\n        time.sleep(60)\n"
        "time.sleep(60)"
    ),
    "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "huge power": "x = 10 ** 10 ** 10",
    "memory map": "import mmap\nm = mmap.mmap(-1, 50 * 1024**3)\nm[-1] = 1",
    "decompression bomb": (
        "import zlib\nz = zlib.compress(b'0' * 10**8)\nx = [zlib.decompress(z) for _ in range(100)]"
    ),
    # disk
    "fills the disk": "with open('/tmp/x', 'wb') as f:\n    while True: f.write(b'0' * 10**6)",
    "many small files": "for n in range(10**7): open(f'/tmp/{n}', 'w').write('x' * 4096)",
    "fills shared memory": (
        "with open('/dev/shm/x', 'wb') as f:\n    while True: f.write(b'0' * 10**6)"
    ),
    "sparse file": "f = open('/tmp/x', 'wb')\nf.truncate(10**12)",
    # network
    "opens a socket out": "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)",
    "resolves a name": "import socket\nassert socket.getaddrinfo('example.com', 80)",
    "talks to this machine": (
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), timeout=2)"
    ),
    "talks over a unix socket": (
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/dbus/system_bus_socket')"
    ),
    "raw socket": (
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"
    ),
    "fetches a page": (
        "import urllib.request\nurllib.request.urlopen('http://1.1.1.1', timeout=2).read()"
    ),
    # files
    "reads the home": (  # on the way to the interpreter there may be a folder of that name
        "import os, sys\n"
        "homes = [d for d in ('/root', '/home') if os.path.isdir(d)]\n"
        "assert [p for d in homes for p in os.listdir(d) if p not in sys.base_prefix.split('/')]"
    ),
    "reads the canary": "assert 'secret' in open(CANARY).read()",
    "writes outside": "open(CANARY, 'w').write('changed')",
    "writes to /usr": "open('/usr/lib/evil.py', 'w').write('x')",
    "writes over its interpreter": "import sys\nopen(sys.executable, 'wb').write(b'x')",
    "removes everything": "import shutil\nshutil.rmtree('/', ignore_errors=False)",
    "follows a symbolic link out": (
        "import os\nos.symlink(CANARY, '/tmp/link')\nassert open('/tmp/link').read()"
    ),
    "hard link out": "import os\nos.link(CANARY, '/tmp/link')",
    "climbs by dots": "assert open('/tmp/../..' + CANARY).read()",
    "reads passwords": "assert open('/etc/shadow').read()",
    "makes a device": (
        "import os, stat\nos.mknod('/tmp/sda', 0o600 | stat.S_IFBLK, os.makedev(8, 0))"
    ),
    "makes a setuid file": (
        "import os, shutil\nshutil.copy('/bin/sh', '/tmp/sh')\nos.chmod('/tmp/sh', 0o4755)\n"
        "import subprocess\n"
        "assert subprocess.run(['/tmp/sh', '-p', '-c', 'test $(id -u) = 0']).returncode == 0"
    ),
    # environment and /proc
    "reads the environment": "import os\nassert os.environ['RATCHET_HOSTILE_SECRET']",
    "reads another's environment": (
        "import glob\nassert any('RATCHET_HOSTILE_SECRET' in open(f, errors='ignore').read() "
        "for f in glob.glob('/proc/[0-9]*/environ'))"
    ),
    "reaches out through /proc": "assert open('/proc/1/root' + CANARY).read()",
    "writes to the kernel": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')",
    "triggers the kernel": "open('/proc/sysrq-trigger', 'w').write('b')",
    # ctypes and system calls
    "ctypes: mounts": (
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0"
    ),
    "ctypes: unshares": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "ctypes: traces its parent": (
        "import ctypes, os\nassert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0"
    ),
    "ctypes: changes root": "import ctypes\nassert ctypes.CDLL(None).chroot(b'/tmp') == 0",
    "ctypes: becomes root": (
        "import ctypes, os\nctypes.CDLL(None).setuid(0)\nassert os.getuid() == 0"
    ),
    "ctypes: crashes": "import ctypes\nctypes.string_at(0)",
    # output, and passing without solving
    "floods its output": "while True: print('x' * 10000)",
    "floods its errors": "import sys\nwhile True: sys.stderr.write('x' * 10000)",
    "leaves before the tests": "import sys\nsys.exit(0)",
    "leaves without a word": "import os\nos._exit(0)",
    "leaves in a handler": "import atexit, os\natexit.register(os._exit, 0)\nraise ValueError",
    "guesses the token": "import os\nos.write(2, b'\\n' + b'0' * 32 + b'\\n')\nos._exit(0)",
    "reads its job again": "import os, sys\nos.lseek(0, 0, 0)\nassert os.read(0, 10)",
    "looks for the token in memory": (
        "import gc, json\n"
        "found = [o for o in gc.get_objects() if isinstance(o, dict) and 'token' in o]\n"
        "import os\nos.write(2, ('\\n' + found[0]['token'] + '\\n').encode()) if found else None\n"
        "os._exit(0 if found else 1)"
    ),
    "looks for the token in frames": (
        "import os, sys\nframe, token = sys._getframe(), None\n"
        "while frame is not None:\n"
        "    job = frame.f_locals.get('job')\n"
        "    token = token or (job or {}).get('token')\n    frame = frame.f_back\n"
        "os.write(2, ('\\n' + token + '\\n').encode()) if token else None\n"
        "os._exit(0 if token else 1)"
    ),
    "drops the assertions": (
        "import builtins\nbuiltins.AssertionError = type('E', (Exception,), {})\nassert False"
    ),
}


def test_there_are_at_least_fifty() -> None:
    assert len(HOSTILE) >= 50


def test_none_of_them_does_harm_or_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_text("secret")
    monkeypatch.setenv("RATCHET_HOSTILE_SECRET", "4711")
    before = {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        programs = [
            program.replace("CANARY", repr(str(canary))).replace("PORT", str(port))
            for program in HOSTILE.values()
        ]
        outcomes = dict(zip(HOSTILE, run_many(programs, limits=LIMITS, workers=4), strict=True))
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()
    assert [name for name, outcome in outcomes.items() if outcome.passed] == []
    assert all(outcome.seconds < LIMITS.seconds + 2 for outcome in outcomes.values())
    assert canary.read_text() == "secret"
    assert os.getpid()
    assert threading.active_count() < 50
    left = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    strangers = [
        line
        for line in left.stdout.splitlines()[1:]
        if int(line.split()[0]) not in before and ("child.py" in line or "sleep 60" in line)
    ]
    assert strangers == []
