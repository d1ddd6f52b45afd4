"""A JSON-RPC endpoint that knows its chain's id and nothing else, for processes that only start and are refused."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def chain_id_server(chain_id: int) -> Iterator[str]:
    """Serve on loopback while the context is open, and give the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers = [_answer(one, chain_id) for one in (asked if isinstance(asked, list) else [asked])]
            body = json.dumps(answers if isinstance(asked, list) else answers[0]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="rpc server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(question: dict[str, Any], chain_id: int) -> dict[str, Any]:
    if question["method"] == "eth_chainId":
        return {"jsonrpc": "2.0", "id": question["id"], "result": hex(chain_id)}
    refused = {"code": -32601, "message": f"the method {question['method']} does not exist"}
    return {"jsonrpc": "2.0", "id": question["id"], "error": refused}
