"""What deploy/ ships for Prometheus and Grafana, without running Grafana or compose: promtool's checks, the rules
of a dashboard that people can read and that works in any installation, and the parts of the compose
specification that deploy/compose.yaml uses."""

import json
import pathlib
import re
import subprocess
import unittest

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"bytes", "s", "percentunit", "reqps", "short"}  # of Grafana
ROWS = ["Memory", "Latency", "Throughput", "Caches", "Pages", "Errors"]


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def load(path):
    return yaml.safe_load((DEPLOY / path).read_text())


class AlertsTest(unittest.TestCase):
    RULES = [rule for group in load("prometheus/alerts.yml")["groups"] for rule in group["rules"]]
    TESTS = pathlib.Path(__file__).with_name("alerts_test.yml")

    def test_promtool_accepts_the_configuration_and_its_rules(self):
        result = promtool("check", "config", DEPLOY / "prometheus/prometheus.yml")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn(f"SUCCESS: {len(self.RULES)} rules found", result.stdout)

    def test_alerts_fire_when_they_should(self):
        result = promtool("test", "rules", self.TESTS)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_every_alert_is_tested_to_fire_and_to_stay_silent(self):
        tests = [test for group in yaml.safe_load(self.TESTS.read_text())["tests"] for test in group["alert_rule_test"]]
        for rule in self.RULES:
            fires = {bool(test["exp_alerts"]) for test in tests if test["alertname"] == rule["alert"]}
            self.assertEqual(fires, {True, False}, rule["alert"])

    def test_alerts_say_what_is_wrong_and_what_to_do(self):
        for rule in self.RULES:
            self.assertIn(rule["labels"]["severity"], ("warning", "critical"))
            self.assertIn("$labels.instance", rule["annotations"]["summary"])
            self.assertGreater(len(rule["annotations"]["description"]), 40)


class DashboardTest(unittest.TestCase):
    DASHBOARD = json.loads((DEPLOY / "grafana/glyph.json").read_text())
    PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]

    def test_can_be_provisioned_anywhere(self):
        self.assertEqual((self.DASHBOARD["uid"], self.DASHBOARD["id"], self.DASHBOARD["editable"]), ("glyph", None, False))
        source, job, instance = self.DASHBOARD["templating"]["list"]
        self.assertEqual((source["name"], source["type"], source["query"]), ("datasource", "datasource", "prometheus"))
        for variable, name in ((job, "job"), (instance, "instance")):
            self.assertEqual(variable["name"], name)
            self.assertEqual(variable["datasource"], DATA_SOURCE)
            self.assertEqual((variable["multi"], variable["includeAll"], variable["allValue"], variable["refresh"]),
                             (True, True, ".+", 2))

    def test_rows_come_in_order_and_nothing_overlaps(self):
        self.assertEqual([p["title"] for p in self.DASHBOARD["panels"] if p["type"] == "row"], ROWS)
        self.assertEqual(self.DASHBOARD["panels"][0]["title"], "Memory")
        cells, last = set(), 0
        for panel in self.DASHBOARD["panels"]:
            x, y, w, h = (panel["gridPos"][key] for key in "xywh")
            self.assertGreaterEqual(y, last)  # in reading order, so that a row owns what follows it
            last = y
            for cell in ((column, line) for column in range(x, x + w) for line in range(y, y + h)):
                self.assertFalse(cell in cells, panel["title"])
                self.assertLess(cell[0], 24, panel["title"])
                cells.add(cell)
        self.assertEqual(len(cells), 24 * (last + 8), "there is a hole")

    def test_panels_can_be_read(self):
        self.assertEqual(len({panel["id"] for panel in self.DASHBOARD["panels"]}), len(self.DASHBOARD["panels"]))
        self.assertEqual(len({panel["title"] for panel in self.PANELS}), len(self.PANELS))
        for panel in self.PANELS:
            self.assertRegex(panel["description"], r"^[A-Z].{20,}\.$")
            self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS, panel["title"])
            self.assertEqual(panel["datasource"], DATA_SOURCE)
            letters = [target["refId"] for target in panel["targets"]]
            self.assertEqual(letters, list("ABCDEF"[:len(letters)]))
        for title, target in self.TARGETS:
            self.assertTrue(target["legendFormat"], title)
            if "bytes" in re.sub("_bytes_", "", target["expr"]) and "/" not in target["expr"]:
                [panel] = [panel for panel in self.PANELS if panel["title"] == title]
                self.assertEqual(panel["fieldConfig"]["defaults"]["unit"], "bytes", title)

    def test_what_alerts_has_its_threshold_drawn(self):
        steps = {panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
                 for panel in self.PANELS if "thresholds" in panel["fieldConfig"]["defaults"]}
        self.assertEqual(steps["GPU peak of the budget"][-1], 0.95)
        self.assertEqual(steps["Share of requests that failed"][-1], 0.05)

    def test_queries_select_and_rate_as_they_should(self):
        for title, target in self.TARGETS:
            expression = target["expr"]
            for name, labels in re.findall(r"(glyph_\w+)(\{[^}]*\})?", expression):
                self.assertTrue(labels.startswith('{job=~"$job",instance=~"$instance"'), (title, name))
                is_counter = name.endswith(("_total", "_bucket"))
                rated = f"rate({name}{labels}[$__rate_interval])"
                self.assertEqual(is_counter, rated in expression, (title, name))
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                self.assertRegex(expression, rf"by \([\w, ]*\b{label}\b[\w, ]*\)", title)


# Of the compose specification what deploy/compose.yaml uses: key -> check of its value.
def is_text(value):
    return isinstance(value, str)


def is_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def is_environment(value):  # true and 3000 without quotes are no text
    return isinstance(value, dict) and all(map(is_text, value.values()))


COMPOSE = {"name": is_text, "services": lambda value: isinstance(value, dict),
           "volumes": lambda value: isinstance(value, dict) and all(each is None for each in value.values())}
SERVICE = {"image": is_text, "network_mode": is_text, "command": is_texts, "environment": is_environment,
           "volumes": is_texts, "depends_on": is_texts, "cap_drop": is_texts, "security_opt": is_texts,
           "restart": lambda value: value in ("no", "always", "on-failure", "unless-stopped")}


class ComposeTest(unittest.TestCase):
    COMPOSE = load("compose.yaml")
    SERVICES = COMPOSE["services"]

    def check(self, schema, found):
        self.assertLessEqual(set(found), set(schema), "unknown keys")
        for key, value in found.items():
            self.assertTrue(schema[key](value), f"{key}: {value}")

    def mounts(self, service):
        """target -> source"""
        return {volume.split(":")[1]: volume.split(":")[0] for volume in self.SERVICES[service]["volumes"]}

    def test_keeps_to_the_specification(self):
        self.check(COMPOSE, self.COMPOSE)
        for service in self.SERVICES.values():
            self.check(SERVICE, service)
            self.assertRegex(service["image"], r"^[a-z]+/[a-z]+:v?\d+\.\d+\.\d+$")
            self.assertLessEqual(set(service.get("depends_on", ())), set(self.SERVICES))

    def test_every_mount_exists(self):
        used = set()
        for name, service in self.SERVICES.items():
            for target, source in self.mounts(name).items():
                self.assertTrue(target.startswith("/"))
                if source.startswith("./"):
                    self.assertTrue((DEPLOY / source).exists(), source)
                    self.assertIn(f"{source}:{target}:ro", service["volumes"])
                else:
                    used.add(source)
        self.assertEqual(used, set(self.COMPOSE["volumes"]))

    def test_listens_on_loopback_only_and_knows_no_password(self):
        for service in self.SERVICES.values():
            self.assertEqual(service["network_mode"], "host")
        self.assertIn("--web.listen-address=127.0.0.1:9090", self.SERVICES["prometheus"]["command"])
        grafana = self.SERVICES["grafana"]["environment"]
        self.assertEqual(grafana["GF_SERVER_HTTP_ADDR"], "127.0.0.1")
        self.assertEqual((grafana["GF_AUTH_BASIC_ENABLED"], grafana["GF_AUTH_DISABLE_LOGIN_FORM"],
                          grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"]), ("false", "true", "Viewer"))

    def test_what_is_provisioned_fits_together(self):
        mounts = self.mounts("grafana")
        self.assertEqual(mounts["/etc/grafana/provisioning"], "./grafana/provisioning")
        [provider] = load("grafana/provisioning/dashboards/glyph.yaml")["providers"]
        dashboard = f"{provider['options']['path']}/glyph.json"
        self.assertEqual(mounts[dashboard], "./grafana/glyph.json")
        home = self.SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertEqual(home, dashboard)
        [source] = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
        self.assertEqual((source["type"], source["url"], source["isDefault"]), ("prometheus", "http://127.0.0.1:9090", True))
        prometheus = load("prometheus/prometheus.yml")
        self.assertEqual(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"])
        command = self.SERVICES["prometheus"]["command"]
        self.assertIn("--config.file=/etc/prometheus/prometheus.yml", command)
        self.assertEqual(self.mounts("prometheus")["/etc/prometheus"], "./prometheus")


if __name__ == "__main__":
    unittest.main()
