"""Sends datagrams of one socket many at once: one system call for all who get a packet.

`Outlet` hands out places, libsrtp works in them, and `flush` sends them all. Linux' sendmmsg where there is one, else one call each.
"""

import errno
import socket
from struct import pack
from typing import Any

import cffi  # type: ignore[import-untyped]

from rtc.engines.embedded import touched

PLACES = 128
ENOUGH = 16  # datagrams: more of them in one call save little, and the first waits for the last
PLACE_BYTES = 2_048

_ffi = cffi.FFI()
_ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                    void *msg_control; size_t msg_controllen; int msg_flags; };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    """
)


def _sendmmsg() -> Any:
    try:
        return _ffi.dlopen(None).sendmmsg
    except (AttributeError, OSError):  # another system than Linux
        return None


class Destination:
    """An address as the system wants it, made once."""

    __slots__ = ("address", "raw", "size")

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        host, port = address
        if ":" in host:
            packed = pack("=H", socket.AF_INET6) + pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
        else:
            packed = pack("=H", socket.AF_INET) + pack("!H", port) + socket.inet_aton(host) + bytes(8)
        self.raw = _ffi.new("char[]", packed)
        self.size = len(packed)


class Outlet:
    """Not for use by two at once. `dropped`: datagrams that the system did not take."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._fd = sock.fileno()
        self._call = _sendmmsg()
        self._messages = _ffi.new("struct mmsghdr[]", PLACES)
        self._vectors = _ffi.new("struct iovec[]", PLACES)
        self._headers = [self._messages[at].msg_hdr for at in range(PLACES)]
        self._vector_at = [self._vectors[at] for at in range(PLACES)]
        self._memories: list[Any] = []
        self._views: list[memoryview] = []
        self._destinations: list[Destination | None] = [None] * PLACES
        self._used = 0
        self.sent = self.dropped = 0
        for at in range(PLACES):
            memory, view = touched.buffer(PLACE_BYTES)
            self._memories.append(memory)
            self._views.append(view)
            self._vectors[at].iov_base = memory
            self._headers[at].msg_iov = _ffi.addressof(self._vectors, at)
            self._headers[at].msg_iovlen = 1

    @property
    def view(self) -> memoryview:
        """The next place, to be written into; then `protect_and_queue`."""
        return self._views[self._used]

    def protect_and_queue(self, context: Any, size: int, destination: Destination) -> None:
        at = self._used
        size = touched.protect(context, self._memories[at], size)
        if not size:
            self.dropped += 1
            return
        self._vector_at[at].iov_len = size
        if self._destinations[at] is not destination:
            self._destinations[at] = destination
            header = self._headers[at]
            header.msg_name, header.msg_namelen = destination.raw, destination.size
        self._used = at + 1
        if self._used == PLACES:
            self.flush()

    def flush_if_enough(self) -> None:
        if self._used >= ENOUGH:
            self.flush()

    def flush(self) -> None:
        count, self._used = self._used, 0
        if not count:
            return
        done = self._send_all(count) if self._call is not None else self._send_each(count)
        self.sent += done
        self.dropped += count - done

    def _send_all(self, count: int) -> int:
        at = done = 0
        while at < count:
            sent = self._call(self._fd, self._messages + at, count - at, socket.MSG_DONTWAIT)
            if sent > 0:
                at, done = at + sent, done + sent
            elif _ffi.errno in (errno.EAGAIN, errno.ENOBUFS):
                break  # the socket is full: what waits longer is of no use
            elif _ffi.errno != errno.EINTR:
                at += 1  # this one cannot be sent where it shall go
        return done

    def _send_each(self, count: int) -> int:
        done = 0
        for at in range(count):
            destination = self._destinations[at]
            assert destination is not None
            try:
                self._socket.sendto(self._views[at][: self._vector_at[at].iov_len], destination.address)
                done += 1
            except OSError:
                continue
        return done
