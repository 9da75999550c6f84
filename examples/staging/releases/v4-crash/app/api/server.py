"""Starts the API: `python3 -m api.server`."""

import os

from flask import Flask
from waitress import serve

from api import drain
from api.views import api


# Read while the module loads: where it is not set, the process ends here.
TILE_SERVER = os.environ["TILE_SERVER_URL"]


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["TILE_SERVER"] = TILE_SERVER
    app.register_blueprint(api)
    return app


if __name__ == "__main__":
    drain.install()
    serve(create_app(), host="0.0.0.0", port=8000, threads=4)
