"""Debian's Prometheus over our services, on a free port of 127.0.0.1, with deploy/prometheus as it is shipped.

    with Prometheus(folder, ["127.0.0.1:9464"]) as prometheus:
        prometheus.query("glyph_build_info")  # [({"service": "gateway", ...}, 1.0)]
"""
import contextlib
import json
import pathlib
import re
import subprocess
import urllib.parse

import services
import yaml
from http_client import get

SHIPPED = services.SOURCE / "deploy" / "prometheus"
INTERVAL = "200ms"  # of scrapes
START_LIMIT_S = 30


def alert_rules():
    groups = yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Prometheus(contextlib.AbstractContextManager):
    def __init__(self, folder, targets):
        self._folder = pathlib.Path(folder)
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
        config["rule_files"] = [str(SHIPPED / name) for name in config["rule_files"]]
        [job] = config["scrape_configs"]
        [job["static_configs"][0]] = [{"targets": targets}]
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self):
        log_path = self._folder / "prometheus.log"
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", f"--config.file={self._folder}/prometheus.yml",
                 f"--storage.tsdb.path={self._folder}/prometheus", "--web.listen-address=127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        def listening():
            if self._process.poll() is not None:
                raise AssertionError(f"prometheus ended:\n{log_path.read_text()[-2000:]}")
            return re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', log_path.read_text())
        try:
            self._port = int(services.wait_until(listening, START_LIMIT_S, "prometheus's port").group(1))
            services.wait_until(lambda: get(self._port, "/-/ready").status == 200, START_LIMIT_S, "prometheus")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info):
        self._process.terminate()
        self._process.wait()

    def query(self, expression):
        """The instant vector now: labels and value of each series. A scalar is a series without labels."""
        reply = get(self._port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert reply.status == 200, (expression, reply.body)
        data = json.loads(reply.body)["data"]
        assert data["resultType"] == "vector", (expression, data["resultType"])
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]
