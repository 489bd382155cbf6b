"""Runs in GIMP's own Python, as a batch: executes what `tests.gimp.session.Session` sends, one snippet after the other.

A message is a line of JSON: {"code", "values"} to here, {"result"} or {"error"} back. A snippet sees the helpers below
and what earlier snippets have left, and gives its result by the name `result`.
"""

import json
import os
import socket
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.environ["GLCIC_TEST_SERVER"]))

import helpers
import screen


def serve():
    names = {name: getattr(module, name) for module in (helpers, screen) for name in dir(module)}
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["GLCIC_TEST_SOCKET"])
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            message = json.loads(line)
            names.update(message["values"], result=None)
            try:
                exec(message["code"], names)
                answer = {"result": names["result"]}
            except BaseException:
                answer = {"error": traceback.format_exc()}
            stream.write(json.dumps(answer) + "\n")
            stream.flush()


serve()
