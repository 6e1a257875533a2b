"""How gunicorn's workers read bodies that the application leaves unread, and close connections (RFC 9112, section 9.6).

A connection that is closed while the client sends is reset, and the client may lose the response. The workers also
close connections whose clients have stopped reading, check every second whether the files of an SQLite database have
been replaced, and do not restart because of requests that fail while the database is unavailable.
"""

import ctypes
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.http import wsgi as gunicorn_wsgi
from gunicorn.http.body import Body, LengthReader

from api.constraints import REQUEST_BODY_MAX_BYTES
from api.worker_response import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DRAIN_SECONDS = 0.5
"""How long a response waits for the rest of the body, so that the connection can stay open."""
LINGER_SECONDS, LINGER_IDLE_SECONDS, LINGER_MAX_BYTES = 5.0, 1.0, 64 * 1024 * 1024
"""After the last response: how long and how much the client may go on sending, and how long it may pause."""
SEND_SECONDS = 10
"""How long a client may read nothing of a response, which occupies a thread and may hold a snapshot of the database."""
FILE_CHECK_SECONDS = 1.0
"""How often a worker without requests checks whether the files of an SQLite database have been replaced."""
_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES = -3, 256 * 1024
_BLOCK_SIZE = 256 * 1024


def install(worker: Any) -> None:
    """Make a worker that has loaded the application do so, whatever its class."""
    wsgi, handle_error, notify = worker.wsgi, worker.handle_error, worker.notify
    next_check, handled = 0.0, 0

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response: Iterable[bytes] = wsgi(environ, start_response)
        # gunicorn sends the header fields with the first block, so `Connection: close` can still be among them.
        if isinstance(body := environ["wsgi.input"], RequestBody):
            body.finish()
        return response

    def handle_error_and_linger(request: Any, client: socket.socket, address: object, error: BaseException) -> None:
        handle_error(request, client, address, error)
        linger(client)

    def notify_and_check() -> None:
        nonlocal next_check, handled
        notify()
        before, handled = handled, worker.nr
        # They fail by thousands per second. Until those that wait for the database have failed, too, a worker that
        # restarts would serve no client.
        if wsgi.database.pool.is_unavailable():
            worker.max_requests += handled - before
        if (now := time.monotonic()) >= next_check:
            next_check = now + FILE_CHECK_SECONDS
            wsgi.database.pool.close_if_replaced()

    for listener in worker.sockets:
        # Its TCP connections inherit it; at the other end of a Unix socket is a proxy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
    worker.wsgi, worker.handle_error, worker.notify = serve, handle_error_and_linger, notify_and_check
    worker.cfg.set("pre_request", _replace_body)
    worker.cfg.set("post_request", _close_in_stages)
    # gunicorn reads 20 settings per request, and looks each of them up by a function.
    vars(worker.cfg).update({name: setting.get() for name, setting in worker.cfg.settings.items()})
    gunicorn_wsgi.Response = Response
    # By default, glibc raises this limit to the largest block that was freed, and keeps as much for each thread.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def linger(connection: socket.socket) -> None:
    """Announce the end of the responses, then discard what the client goes on sending, within bounds."""
    deadline, received = time.monotonic() + LINGER_SECONDS, 0
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while received < LINGER_MAX_BYTES and (seconds := deadline - time.monotonic()) > 0:
            connection.settimeout(min(seconds, LINGER_IDLE_SECONDS))
            if not (data := connection.recv(_BLOCK_SIZE)):
                break
            received += len(data)
    # gunicorn would wait for the client again, in the thread that accepts connections.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class RequestBody(Body):  # type: ignore[misc] # gunicorn has no types
    """A body that sends 100 (Continue) when it is first read, and whose rest can be read within bounds."""

    def __init__(self, request: Any) -> None:
        super().__init__(request.body.reader)
        self._request = request
        self._is_client_waiting = request._expected_100_continue and not _has_been_received(self)  # noqa: SLF001 (gunicorn is pinned)
        request._expected_100_continue = False  # noqa: SLF001 (otherwise gunicorn sends 100 before the final status)

    def _read_reader(self, size: int) -> bytes:
        if self._is_client_waiting:
            self._is_client_waiting = False
            self._request.unreader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return super()._read_reader(size)  # type: ignore[no-any-return] # gunicorn has no types

    def finish(self) -> None:
        """Read the rest. If it is too large or too slow, or may not be sent, the response is the last."""
        # RFC 9110, section 10.1.1: a client that has got a final status need not send the body.
        if not _has_been_received(self) and (self._is_client_waiting or not self._drain()):
            self._request.force_close()
        self._request = None  # it has this body: only a garbage collection would free them

    def _drain(self) -> bool:
        if isinstance(self.reader, LengthReader) and self.reader.length > REQUEST_BODY_MAX_BYTES:
            return False
        unreader, drained = self._request.unreader, 0
        connection = unreader.sock
        unreader.sock = _SocketWithDeadline(connection, time.monotonic() + DRAIN_SECONDS)
        try:
            while drained <= REQUEST_BODY_MAX_BYTES and not self.failed:
                if not (data := self.read(_BLOCK_SIZE)):
                    return True
                drained += len(data)
        except Exception:  # noqa: BLE001 (any malformed body: the response is there already)
            return False
        finally:
            unreader.sock = connection
            connection.settimeout(None)
        return False


class _SocketWithDeadline:
    """Limits the time of all reads together, because a client may send a byte at a time."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def recv(self, size: int) -> bytes:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._connection.settimeout(seconds)
        return self._connection.recv(size)


def _has_been_received(body: Body) -> bool:
    return isinstance(body.reader, LengthReader) and body.reader.length == 0


def _replace_body(_worker: object, request: Any) -> None:
    # Most requests have no body, and nothing left to read.
    if request._expected_100_continue or not _has_been_received(request.body):  # noqa: SLF001 (as above)
        request.body = RequestBody(request)


def _close_in_stages(_worker: object, _request: object, _environ: object, response: Any) -> None:
    if response and response.headers_sent and response.should_close():
        linger(response.sock)
