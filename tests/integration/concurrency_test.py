"""32 mixed requests at once give, in float32, exactly the tokens each gives alone."""
import threading
import unittest

import golden
import services
from client import Client, Vlm, document, image, request, text

NUM_REQUESTS = 32
READ = text("Read the page.")
SAMPLED = {"temperature": 1.2, "top_k": 40, "top_p": 0.95, "repetition_penalty": 1.1, "max_tokens": 60}


def mixed_requests():
    """Pages read, values found, uploads, text alone; greedy and sampled, short and long."""
    short = sorted(golden.one_page_documents(), key=lambda d: len(d["text"]))
    several, samples = golden.multi_page_documents(), golden.nano_samples()
    for i in range(NUM_REQUESTS):
        kind = i % 8
        if kind < 2:
            yield request(document(short[i]["text"]), READ)
        elif kind == 2:
            yield request(document(short[i]["text"]), READ, generation=SAMPLED | {"seed": i})
        elif kind < 5:
            yield request(document(several[i]["text"]), text(several[i]["question"]))
        elif kind == 5:
            files = [image(path.read_bytes()) for path in golden.sample_images(samples[i + 10])]
            yield request(*files, text(samples[i + 10]["prompt"]))
        elif kind == 6:
            yield request(text("Which page? " * i), generation={"max_tokens": 30 + i})
        else:
            yield request(document(short[i]["text"]), READ, generation={"max_tokens": i, "stop": ["the"]})


class ConcurrencyTest(unittest.TestCase):
    def test_requests_at_once_answer_as_alone(self):
        with services.Stack() as stack, Client(stack.gateway.port("grpc")) as client:
            requests = list(mixed_requests())
            alone = [self.ask(client, r) for r in requests]
            together = self.ask_at_once(client, requests)
            self.assertEqual(together, alone)
            vlm = Vlm(stack.vlm.port("vlm"))
            self.assertEqual(vlm.wait_idle().finished_total, 2 * NUM_REQUESTS)
            vlm.channel.close()
            stack.assert_alive()

    @staticmethod
    def ask(client, ask_request):
        answer = client.ask(*ask_request.parts, generation=ask_request.generation)
        return answer.ids, answer.text, answer.finished.reason

    def ask_at_once(self, client, requests):
        results = [None] * len(requests)
        barrier = threading.Barrier(len(requests))

        def work(i):
            barrier.wait()
            results[i] = self.ask(client, requests[i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


if __name__ == "__main__":
    unittest.main()
