"""Freed memory that a program keeps, so that the next step on a CPU starts at once.

XLA for CPU allocates the scratch memory of a compiled program anew at every call. The C
library of Linux gives large blocks back to the system when they are freed, and every
page of the next call costs a page fault: 28,000 per update of CrossFormer with 9 frames
at batch 16, a fifth of its time.

Only the standard library is imported, so that the call can come first.
"""

import ctypes
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
