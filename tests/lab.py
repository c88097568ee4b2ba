"""A person at JupyterLab: opens a notebook, runs it from top to bottom, saves it."""

import json
import uuid

from websockets.sync.client import connect


class Lab:
    """JupyterLab of a stack, by its API and with its token."""

    def __init__(self, stack):
        self.stack = stack
        self.token = {"Authorization": f"token {stack.settings['JUPYTER_TOKEN']}"}

    def save(self, path, content):
        body = {"type": "notebook", "format": "json", "content": content}
        self._ask("PUT", f"/api/contents/{path}", body)

    def run(self, path):
        """Run each code cell in a kernel of the notebook's own kind; returns the errors, and all that was said."""
        content = self._ask("GET", f"/api/contents/{path}")["content"]
        body = {
            "path": path,
            "name": path,
            "type": "notebook",
            "kernel": {"name": content["metadata"]["kernelspec"]["name"]},
        }
        kernel = self._ask("POST", "/api/sessions", body)["kernel"]["id"]
        address = f"{self.stack.url('LAB')}/api/kernels/{kernel}/channels".replace("http", "ws", 1)
        errors, said = [], []
        with connect(address, additional_headers=self.token, max_size=None, open_timeout=60) as socket:
            for cell in content["cells"]:
                if cell["cell_type"] == "code" and not errors:
                    for message in _executed(socket, cell["source"]):
                        if message["msg_type"] == "error":
                            errors.append(message["content"]["evalue"])
                        said.append(message["content"].get("data", {}).get("text/plain", ""))
        self.stack.ask(f"{self.stack.url('LAB')}/api/kernels/{kernel}", "DELETE", **self.token)
        return errors, "\n".join(said)

    def _ask(self, method, path, body=None):
        status, answer = self.stack.ask(self.stack.url("LAB") + path, method, body, **self.token)
        assert status < 300, answer
        return json.loads(answer)


def _executed(socket, code):
    """What the kernel says while it runs a cell."""
    asked = uuid.uuid4().hex
    header = {
        "msg_id": asked,
        "msg_type": "execute_request",
        "username": "",
        "session": "",
        "date": "",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps(request))
    while True:
        message = json.loads(socket.recv(timeout=120))
        if message["parent_header"].get("msg_id") != asked:
            continue
        yield message
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return
