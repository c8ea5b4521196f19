# orphans.py NUMBER SIZE [KEY]: makes System V segments of SIZE bytes whose creator and last user are dead, with the keys KEY,
# KEY + 1 and so on (without KEY: private ones). Each begins with its own id in decimal, and a line feed; prints the ids.
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
IPC_CREAT = 0o1000


def make(key, size):
    segment = libc.shmget(key, size, IPC_CREAT | 0o600)
    if segment < 0:
        sys.exit("shmget: " + os.strerror(ctypes.get_errno()))
    address = libc.shmat(segment, None, 0)
    text = b"%d\n" % segment
    ctypes.memmove(address, text, len(text))
    libc.shmdt(address)
    print(segment)


number, size = int(sys.argv[1]), int(sys.argv[2])
first = int(sys.argv[3], 0) if len(sys.argv) > 3 else 0
for index in range(number):
    make(first + index if first else 0, size)
