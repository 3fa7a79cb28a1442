"""Plain HTTP, without anything a proxy or a library could add."""
import dataclasses
import http.client


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: str


def get(port, path, method="GET", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()},
                     response.read().decode())
    finally:
        connection.close()


def metrics(port):
    """Series -> value, as in `{'glyph_requests_total{outcome="OK"}': 3.0}`."""
    reply = get(port, "/metrics")
    assert reply.status == 200, reply
    samples = (line.rsplit(" ", 1) for line in reply.body.splitlines() if line and line[0] != "#")
    return {series: float(value) for series, value in samples}
