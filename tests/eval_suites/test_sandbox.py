"""Each test attacks one property of the sandbox; its name is the property."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eval_suites import sandbox
from eval_suites.sandbox import Limits, Outcome, run_python
from knowledge.errors import RatchetError

confined = pytest.mark.skipif(
    sandbox.problem() is not None, reason=f"cannot confine here: {sandbox.problem()}"
)


def run(source: str, **limits: float) -> Outcome:
    return run_python(source, limits=Limits(**limits))  # type: ignore[arg-type]


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "problem", lambda: "bubblewrap is not installed.")


# With bubblewrap or without


def test_without_bubblewrap_code_is_refused(without_bubblewrap: None) -> None:
    with pytest.raises(RatchetError, match=r"not run: bubblewrap is not installed. Install"):
        run_python("print(1)")


def test_told_so_code_runs_with_limits_only(without_bubblewrap: None) -> None:
    done = run_python("import math\nprint(math.pi)", allow_unconfined=True)
    assert done.passed
    assert (done.stdout, done.confined) == ("3.141592653589793\n", False)


def test_an_unconfined_program_sees_no_secret_in_its_environment(
    without_bubblewrap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    done = run_python("import os\nprint(dict(os.environ))", allow_unconfined=True)
    assert "hunter2" not in done.stdout


def test_an_unconfined_program_is_stopped_on_time(without_bubblewrap: None) -> None:
    limits = Limits(seconds=0.5)
    started = time.monotonic()
    done = run_python("while True: pass", limits=limits, allow_unconfined=True)
    assert (done.ending, done.passed) == ("time", False)
    assert time.monotonic() - started < 5


def test_an_unconfined_program_cannot_take_all_memory(without_bubblewrap: None) -> None:
    done = run_python("x = bytearray(10**11)", allow_unconfined=True)
    assert done.ending == "error"
    assert "MemoryError" in done.stderr


def test_an_unconfined_program_leaves_no_files(without_bubblewrap: None) -> None:
    done = run_python("open('left', 'w')\nimport os\nprint(os.getcwd())", allow_unconfined=True)
    assert done.passed
    assert not Path(done.stdout.strip()).exists()


# Confined


@confined
def test_a_sound_program_passes() -> None:
    done = run("def add(a, b):\n    return a + b\n\nassert add(1, 2) == 3\nprint('fine')")
    assert done.passed
    assert (done.ending, done.returncode, done.stdout, done.stderr) == ("done", 0, "fine\n", "")
    assert done.confined


@confined
def test_a_failing_program_shows_its_own_line() -> None:
    done = run("x = 1\nassert x == 2, 'not two'")
    assert done.ending == "error"
    assert "AssertionError: not two" in done.stderr
    assert 'File "program.py", line 2' in done.stderr


@confined
@pytest.mark.parametrize(
    "leave", ["sys.exit(0)", "os._exit(0)", "os.execv('/usr/bin/true', ['t'])"]
)
def test_leaving_before_the_last_line_is_not_passing(leave: str) -> None:
    done = run(f"import os, sys\n{leave}\nassert False")
    assert (done.ending, done.passed) == ("left", False)


@confined
def test_an_endless_program_is_stopped_on_time() -> None:
    done = run("while True: pass", seconds=0.5)
    assert (done.ending, done.returncode) == ("time", None)
    assert done.seconds < 3


@confined
def test_one_that_closes_its_outputs_and_sleeps_is_stopped_on_time() -> None:
    done = run("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(60)", seconds=0.5)
    assert done.ending == "time"


@confined
def test_what_it_leaves_behind_dies_with_it() -> None:
    done = run(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(60)\n    os._exit(0)",
        seconds=5,
    )
    assert done.passed
    assert done.seconds < 4


@confined
def test_a_fork_bomb_stays_small() -> None:
    done = run("import os\nwhile True: os.fork()", seconds=2)
    assert not done.passed
    assert done.seconds < 5


@confined
def test_threads_are_limited() -> None:
    done = run(
        "import threading, time\n"
        "for _ in range(100): threading.Thread(target=time.sleep, args=(0.2,)).start()"
    )
    assert "can't start new thread" in done.stderr


@confined
def test_memory_is_limited() -> None:
    assert "MemoryError" in run("x = bytearray(10**11)").stderr


@confined
def test_many_processes_cannot_take_together_what_one_may_not() -> None:
    done = run(
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = bytearray(90 * 2**20)\n        time.sleep(9)\ntime.sleep(9)",
        memory_mb=256,
        seconds=8,
    )
    assert done.ending == "memory"


@confined
def test_output_is_limited() -> None:
    done = run("while True: print('x' * 1000)", output_bytes=10_000)
    assert done.ending == "output"
    assert len(done.stdout) == 10_000


@confined
def test_output_that_is_no_text_does_no_harm() -> None:
    done = run("import os\nos.write(1, bytes(range(256)))")
    assert done.passed


@confined
def test_the_disk_cannot_be_filled() -> None:
    done = run(
        "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').write(b'x' * 2**20)\n    n += 1",
        scratch_mb=8,
    )
    assert "No space left on device" in done.stderr
    assert "File too large" in run("open('x', 'wb').write(b'x' * 2**25)").stderr


@confined
@pytest.mark.parametrize(
    "path", ["/usr/x", "/x", "/dev/shm/x", "/etc/x", "/child.py", "/proc/sys/kernel/hostname"]
)
def test_nothing_outside_can_be_written(path: str) -> None:
    done = run(f"open({path!r}, 'w').write('x')")
    assert done.ending == "error"
    assert not Path("/x").exists()


@confined
def test_the_home_and_the_project_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    home, prefix = Path.home(), Path(sys.base_prefix).resolve()
    way = [prefix.relative_to(home).parts[0]] if prefix.is_relative_to(home) else []
    done = run(
        f"import os\nassert not os.path.exists({str(Path(__file__).resolve())!r})\n"
        f"assert not os.path.exists({str(tmp_path / 'secret')!r})\n"
        f"home = {str(home)!r}\nassert not os.path.exists(home) or os.listdir(home) == {way}"
    )
    assert done.passed, done.stderr


@confined
def test_a_symbolic_link_leads_nowhere_new() -> None:
    done = run("import json, os\nos.symlink('/', 'r')\nprint(json.dumps(os.listdir('r')))")
    allowed = {"bin", "child.py", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"}
    assert set(json.loads(done.stdout)) <= allowed | {Path(sys.base_prefix).resolve().parts[1]}
    assert run("import os\nprint(os.listdir('/etc'))").stdout in ("", "[]\n", "['ld.so.cache']\n")


@confined
def test_no_secret_is_in_its_environment_or_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    done = run(
        "import glob, os\nprint(dict(os.environ))\nfor path in glob.glob('/proc/*/environ'):\n"
        "    try:\n        print(open(path).read())\n    except OSError:\n        pass"
    )
    assert done.passed
    assert "hunter2" not in done.stdout


@confined
def test_other_processes_are_neither_seen_nor_reached() -> None:
    done = run(
        "import os, signal\nseen = [int(p) for p in os.listdir('/proc') if p.isdigit()]\n"
        "assert len(seen) <= 3, seen\n"
        f"try:\n    os.kill({os.getpid()}, signal.SIGKILL)\n"
        "except ProcessLookupError:\n    print('no such process')"
    )
    assert done.stdout == "no such process\n"


@confined
def test_killing_its_parents_harms_only_itself() -> None:
    done = run(
        "import os\nfor pid in (os.getppid(), 1, -1):\n    try:\n        os.kill(pid, 9)\n"
        "    except OSError:\n        pass"
    )
    assert done.seconds < 4  # whatever is left of it, we are still here and know


@confined
@pytest.mark.parametrize("address", ["('127.0.0.1', port)", "('192.0.2.1', 53)"])
def test_there_is_no_network(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run(f"import socket\nport = {port}\nsocket.create_connection({address}, 1)")
    assert done.ending == "error"
    assert "Error: [Errno" in done.stderr


@confined
def test_it_runs_as_nobody() -> None:
    done = run(
        f"import os\nassert os.getuid() not in (0, {os.getuid()}), os.getuid()\n"
        "assert os.getgroups() in "
        "([], [os.getgid()])\nstatus = open('/proc/self/status').read()\n"
        "assert 'CapEff:\\t0000000000000000' in status\nassert 'NoNewPrivs:\\t1' in status"
    )
    assert done.passed, done.stderr


@confined
@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",  # a user name space, in which it would be root
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(16, 1, None, None)",
        "chroot(b'/tmp')",
        "setns(0, 0)",
        "syscall(250, 1, 0, 0, 0, 0)" if os.uname().machine == "x86_64" else "unshare(0)",
        "setuid(0)",
    ],
)
def test_the_kernel_refuses_what_an_escape_begins_with(call: str) -> None:
    done = run(f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.{call})")
    assert done.passed, done.stderr
    assert done.stdout == "-1\n"


@confined
def test_reading_its_input_does_not_reveal_the_token() -> None:
    done = run("import sys\nprint(sys.stdin.read())\nprint(open('/proc/self/fd/0').read())")
    assert "token" not in done.stdout


@confined
def test_runs_at_the_same_time_do_not_share_limits() -> None:
    source = (
        "import os, time\nfor _ in range(10):\n    if os.fork() == 0:\n        time.sleep(0.5)\n"
        "        os._exit(0)\ntime.sleep(0.5)"
    )
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run(source, seconds=10), range(4)))
    assert all(outcome.passed for outcome in done), done
