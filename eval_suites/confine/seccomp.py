"""A kernel filter for untrusted code: no name spaces, mounts, tracing, keys or kernel add-ons.

bubblewrap takes the filter as compiled BPF. Ordinary programs never make these calls; an escape
needs one of them first. They fail with "operation not permitted", as if one lacked the right.
"""

from __future__ import annotations

import platform
import struct
from typing import NamedTuple

ALLOW, KILL, ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
EPERM, ENOSYS = 1, 38
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # offsets in struct seccomp_data
NEW_NAMESPACES = 0x7E02_0000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
FOREIGN_ABI = 0x4000_0000  # x32 calls on x86_64 go by other numbers


class Architecture(NamedTuple):
    """How a processor numbers its system calls."""

    audit: int
    clone: int
    clone3: int
    denied: tuple[int, ...]


# ptrace mount umount2 pivot_root chroot unshare setns add_key request_key keyctl
# perf_event_open bpf userfaultfd io_uring_setup kexec_load process_vm_readv process_vm_writev
# open_by_handle_at init_module finit_module open_tree move_mount fsopen fsmount mount_setattr
_NEW = (425, 428, 429, 430, 432, 442)  # numbered alike everywhere
ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000_003E,
        clone=56,
        clone3=435,
        denied=(
            *(101, 165, 166, 155, 161, 272, 308, 248, 249, 250),
            *(298, 321, 323, 246, 310, 311, 304, 175, 313, *_NEW),
        ),
    ),
    "aarch64": Architecture(
        audit=0xC000_00B7,
        clone=220,
        clone3=435,
        denied=(
            *(117, 40, 39, 41, 51, 97, 268, 217, 218, 219),
            *(241, 280, 282, 104, 270, 271, 265, 105, 273, *_NEW),
        ),
    ),
}


def compiled_filter(machine: str | None = None) -> bytes | None:
    """The filter as BPF for this processor; None where its call numbers are not known."""
    architecture = ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        return None
    denied = (RETURN, 0, 0, ERRNO | EPERM)
    program = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_EQUAL, 1, 0, architecture.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_AT_LEAST, 0, 1, FOREIGN_ABI),
        denied,
    ]
    for number in architecture.denied:
        program += [(JUMP_EQUAL, 0, 1, number), denied]
    program += [
        (JUMP_EQUAL, 0, 1, architecture.clone3),
        (RETURN, 0, 0, ERRNO | ENOSYS),  # its flags lie in memory; the C library then uses clone
        (JUMP_EQUAL, 0, 3, architecture.clone),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES),
        denied,
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in program)
