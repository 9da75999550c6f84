"""Starts the API: `python3 -m api.server`."""

from flask import Flask
from waitress import serve

from api import drain
from api.views import api


def create_app() -> Flask:
    app = Flask(__name__)
    app.register_blueprint(api)
    return app


if __name__ == "__main__":
    drain.install()
    serve(create_app(), host="0.0.0.0", port=8000, threads=4)
