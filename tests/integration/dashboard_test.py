"""deploy/grafana/glyph.json and deploy/prometheus/alerts.yml against a running system and planted figures."""
import json
import math
import re
import subprocess
import time
import unittest

import planted_vlm
import services
from client import Client, Failure, document, outcome, text
from http_client import get
from planted_vlm import COMPONENTS, GIB
from prometheus import Prometheus, alert_rules

DASHBOARD = json.loads((services.SOURCE / "deploy/grafana/glyph.json").read_text())
README = "".join((services.SOURCE / "gateway" / folder / "README.md").read_text() for folder in ("metrics", "keys"))
LIMIT_S = 30
RATE_INTERVAL = "30s"  # many scrapes
NOT_PARTS = ("driver", "unattributed")
FAMILY = re.compile(r"\bglyph_[a-z0-9_]+")


def targets():
    """(panel, legend, expression) of every query of the dashboard."""
    return [(panel["title"], target["legendFormat"], target["expr"])
            for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def families(exposition):
    return {line.split()[2] for line in exposition.splitlines() if line.startswith("# TYPE ")}


def named_families(expression):
    return {re.sub("_(bucket|sum|count)$", "", name) for name in FAMILY.findall(expression)}


def promtool_complaints(exposition):
    return subprocess.run(["promtool", "check", "metrics"], input=exposition, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False).stdout.splitlines()


class DashboardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(services.Stack())
        cls.vlm = cls.enterClassContext(planted_vlm.PlantedVlm())
        cls.planted_gateway = services.start_gateway(
            cls.stack.folder, cls.stack.render.address("render"), cls.vlm.address, "--vllm-metric-aliases")
        cls.addClassCleanup(cls.planted_gateway.stop)
        cls.real, cls.planted = (g.address("metrics") for g in (cls.stack.gateway, cls.planted_gateway))
        cls.client = cls.enterClassContext(Client(cls.stack.gateway.port("grpc")))
        cls.planted_client = cls.enterClassContext(Client(cls.planted_gateway.port("grpc")))
        cls.gone = "127.0.0.1:1"  # nobody listens there
        cls.prometheus = cls.enterClassContext(
            Prometheus(cls.stack.folder, [cls.real, cls.planted, cls.gone]))

    def ask(self, instance):
        """One request that ends well; each reads a page."""
        client = self.client if instance == self.real else self.planted_client
        client.ask(document("Berth: 12"), text("Find: Berth"), generation={"max_tokens": 4})

    def ask_in_vain(self):
        for words in planted_vlm.FAILURES:
            self.assertIsInstance(outcome(lambda: self.planted_client.ask(text(words))), Failure)

    def query(self, expression, instance):
        """As Grafana asks for one instance."""
        for variable, value in (("$job", "glyph"), ("$instance", re.escape(instance).replace("\\", "\\\\")),
                                ("$__rate_interval", RATE_INTERVAL)):
            expression = expression.replace(variable, value)
        self.assertNotIn("$", expression)
        return self.prometheus.query(expression)

    def values(self, title, instance):
        """Legend -> value of all series of a panel."""
        found = {}
        for panel, legend, expression in targets():
            if panel == title:
                for labels, value in self.query(expression, instance):
                    found[re.sub(r"\{\{(\w+)\}\}", lambda match: labels[match[1]], legend)] = value
        return found

    def without_data(self, instance, wanted):
        return [(panel, legend) for panel, legend, expression in wanted
                if not any(math.isfinite(value) for _, value in self.query(expression, instance))]

    def assert_data(self, instance, wanted):
        end = time.monotonic() + LIMIT_S
        while (missing := self.without_data(instance, wanted)) and time.monotonic() < end:
            self.ask(instance)
            if instance == self.planted:
                self.ask_in_vain()
        self.assertEqual(missing, [])

    def wait_for(self, expression, value):
        services.wait_until(lambda: value in [v for _, v in self.prometheus.query(expression)], LIMIT_S,
                            f"{expression} == {value}")

    def test_every_expression_has_data_of_a_running_system(self):
        of_gpu = [target for target in targets() if "glyph_gpu_" in target[2]]
        self.assertGreater(len(of_gpu), 5)
        self.assert_data(self.real, [target for target in targets() if target not in of_gpu])
        self.assertEqual(self.without_data(self.real, of_gpu), [target[:2] for target in of_gpu], "a CPU has no GPU")

    def test_every_expression_has_data_of_a_planted_gpu(self):
        self.assert_data(self.planted, targets())
        parts = {name: both for name, both in COMPONENTS.items() if name not in NOT_PARTS}
        self.assertEqual(self.values("GPU memory used", self.planted), {n: used * GIB for n, (_, used) in parts.items()})
        self.assertEqual(self.values("GPU memory reserved", self.planted), {n: plan * GIB for n, (plan, _) in parts.items()})
        self.assertEqual(self.values("GPU driver, plan and budget", self.planted),
                         {"driver": int(39.95 * GIB), "planned": 39.75 * GIB, "budget": 40 * GIB,
                          "unattributed": int(0.2 * GIB)})
        self.assertEqual(self.values("GPU memory at the stages of start-up", self.planted),
                         {stage: int(gib * GIB) for stage, gib in planted_vlm.STAGES.items()})
        self.assertEqual(self.values("Highest request", self.planted), {"start": 5 * GIB, "5m": 4 * GIB, "1m": 3 * GIB})
        self.assertEqual(self.values("KV cache", self.planted), {"used": 0.3, "cached": 0.2, "free": 0.5})
        for title, share in (("Prompt tokens found in the KV cache", 0.4), ("Pages that need no encoding", 0.75)):
            self.assertAlmostEqual(self.values(title, self.planted)["reused"], share)

    def test_a_peak_between_two_scrapes_is_seen(self):
        kv = f'{{instance="{self.planted}",component="kv"}}'
        self.vlm.plant_kv_peak(GIB)
        self.wait_for(f"glyph_gpu_memory_peak_bytes{kv}", GIB)
        self.vlm.plant_kv_peak(14 * GIB)
        self.wait_for(f"glyph_gpu_memory_peak_bytes{kv}", 14 * GIB)
        used = self.prometheus.query(f"max_over_time(glyph_gpu_memory_bytes{kv[:-1]},kind=\"used\"}}[10m])")
        self.assertEqual([value for _, value in used], [GIB], "no scrape saw the peak itself")
        self.assertEqual(self.values("GPU memory peaks", self.planted)["kv"], 14 * GIB)
        [share] = self.values("GPU peak of the budget", self.planted).values()
        self.assertAlmostEqual(share, 38.25 / 40)

    def test_a_short_request_of_a_running_system_leaves_its_peak(self):
        self.ask(self.real)
        def seen():
            host = self.values("Host memory peaks", self.real).get("vlm_service kv", 0)
            return host, self.values("Highest request", self.real).get("1m", 0)
        services.wait_until(lambda: all(seen()), what="both peaks")
        kv_peak, request_peak = seen()
        self.assertLessEqual(kv_peak, request_peak, "a request alone holds all of the cache that is in use")
        self.wait_for(f'glyph_memory_bytes{{instance="{self.real}",component="kv",kind="used"}}', 0)

    def test_alerts_are_silent_for_the_running_system_and_speak_of_the_planted_one(self):
        self.vlm.plant_kv_peak(14 * GIB)
        self.ask(self.real)
        unheard = {rule["alert"]: rule["expr"] for rule in alert_rules()}
        not_ready = unheard.pop("GlyphServiceNotReady")
        end = time.monotonic() + LIMIT_S
        while unheard and time.monotonic() < end:
            self.ask_in_vain()
            unheard = {name: expression for name, expression in unheard.items()
                       if not {self.planted, self.gone} & self.instances(expression)}
        self.assertEqual(unheard, {})
        self.addCleanup(self.vlm.serve, True)
        self.vlm.serve(False)
        services.wait_until(lambda: self.planted in self.instances(not_ready), LIMIT_S, not_ready)
        for rule in alert_rules():
            self.assertNotIn(self.real, self.instances(rule["expr"]), rule["alert"])
            compared, times = re.subn(" (>|==) ", r" \1 bool ", rule["expr"])
            self.assertEqual(times, 1, rule["expr"])
            if "glyph_gpu_" not in compared:
                self.assertIn(self.real, self.instances(compared), "it is silent because it has no data")

    def instances(self, expression):
        return {labels["instance"] for labels, _ in self.prometheus.query(expression)}

    def exposition(self, instance):
        return get(int(instance.split(":")[1]), "/metrics").body

    def test_every_metric_that_is_named_is_exported_and_documented(self):
        exported = {name for instance in (self.real, self.planted) for name in families(self.exposition(instance))}
        for _, _, expression in targets():
            self.assertEqual(named_families(expression) - exported, set(), expression)
        for rule in alert_rules():
            self.assertEqual(named_families(rule["expr"]) - exported, set(), rule["alert"])
        for variable in DASHBOARD["templating"]["list"][1:]:
            self.assertEqual(named_families(variable["query"]) - exported, set(), variable["name"])
        self.assertEqual({name for name in exported if name.startswith("glyph_")}, named_families(README))
        self.assertLessEqual({name for name in exported if name.startswith("vllm:")}, set(re.findall("vllm:[a-z_]+", README)))

    def test_promtool_accepts_the_exposition(self):
        self.assertEqual(promtool_complaints(self.exposition(self.real)), [])
        complaints = promtool_complaints(self.exposition(self.planted))
        self.assertGreater(len(complaints), 5)
        for complaint in complaints:  # of vLLM's own names, which nobody need ask for
            self.assertRegex(complaint, "^vllm:[a-z_]+ metric names should not contain ':'$")


if __name__ == "__main__":
    unittest.main()
