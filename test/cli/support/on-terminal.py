"""Runs a program on a terminal of its own: stdin goes to it as keys, what it draws goes to stdout.

SIGUSR1 makes the window 120 x 40. When the program has ended, one line on stderr says how it left the terminal.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import termios


def resize(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


# Our copy of the terminal's own end stays open, so that its modes can be read after the program's end.
master, slave = os.openpty()
resize(master, 24, 80)
wake_read, wake_write = os.pipe()
signal.signal(signal.SIGUSR1, lambda *_: resize(master, 40, 120))
signal.signal(signal.SIGCHLD, lambda *_: os.write(wake_write, b"x"))

child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    os.execvp(sys.argv[1], sys.argv[1:])

sources = [0, master, wake_read]
while True:
    ready = select.select(sources, [], [])[0]
    if 0 in ready:
        keys = os.read(0, 65536)
        if keys:
            os.write(master, keys)
        else:
            sources.remove(0)
    if master in ready:
        os.write(1, os.read(master, 65536))
    elif wake_read in ready:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            break
        os.read(wake_read, 1)

local_modes = termios.tcgetattr(slave)[3]
restored = bool(local_modes & termios.ECHO) and bool(local_modes & termios.ICANON)
sys.stderr.write("terminal restored\n" if restored else "terminal left raw\n")
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
