"""The memory of a host: what is free, and what a program keeps of what it freed.

XLA for CPU allocates the scratch memory of a compiled program anew at every call. The C
library of Linux gives large blocks back to the system when they are freed, and every
page of the next call costs a page fault: 28,000 per update of CrossFormer with 9 frames
at batch 16, a fifth of its time.

Only the standard library is imported, so that the call can come first.
"""

import ctypes
import pathlib
import sys

# Parameters of `mallopt`, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory; does nothing with another C library.

    Call it in a program before the first thread starts, never in a library: it holds
    for the whole process, which then keeps its peak of memory.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has no such function
        return
    # One heap for all threads, no blocks outside it, and nothing cut off at its end.
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, -1)


def free_bytes(root: pathlib.Path = pathlib.Path("/")) -> int | None:
    """Returns the memory that the system can still give; None where it does not tell.

    On Linux: what is free or a cache of files, and swap; less where a control group (a
    container, a job of a cluster) has a limit.

    Args:
      root: folder that holds `proc` and `sys`.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = {}
    for line in lines:
        name, _, value = line.partition(":")
        kilobytes[name] = int(value.split()[0])
    free = kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0)
    group = root / "sys/fs/cgroup"
    limits = []
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            # "max" stands for no limit.
            limits.append(
                int((group / limit).read_text()) - int((group / used).read_text())
            )
        except (OSError, ValueError):
            continue
    return min([free * 1024, *limits])
