"""A TCP proxy whose two sides can lose each other without a word, as when a host vanishes.

    with BlackHole(port) as hole:
        channel = grpc.insecure_channel(f"127.0.0.1:{hole.port}")
        ...
        hole.vanish()
"""
import selectors
import socket
import threading


class BlackHole:
    """Forwards every connection to `port` of 127.0.0.1, until `vanish`. One thread."""

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._sockets = []
        self._thread = threading.Thread(target=self._forward_until_woken)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self.vanish()
        for each in (*self._sockets, self._listener, self._wake_reader, self._wake_writer):
            each.close()
        self._selector.close()

    def vanish(self):
        """From now on nothing is read, written, accepted or closed. Both sides keep their connection."""
        if self._thread.is_alive():
            self._wake_writer.send(b"x")
            self._thread.join()

    def _forward_until_woken(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake_reader:
                    return
                key.data()

    def _accept(self):
        client, _ = self._listener.accept()
        server = socket.create_connection(self._target)
        self._sockets += [client, server]
        for source, sink in ((client, server), (server, client)):
            self._selector.register(source, selectors.EVENT_READ,
                                    lambda source=source, sink=sink: self._forward(source, sink))

    def _forward(self, source, sink):
        data = source.recv(1 << 16)
        if data:
            return sink.sendall(data)
        self._selector.unregister(source)
        sink.shutdown(socket.SHUT_WR)
