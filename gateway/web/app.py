"""The web server: /healthz, /readyz, /metrics, frames of mails, pages behind links in mails, on loopback unless told otherwise; the figures are `metrics.py`."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.connector_kinds import POLLED_KINDS
from gateway.store.engine import is_passing_fault
from gateway.store.figures import Figures, figures
from gateway.store.version import VersionTrouble, require_head
from gateway.web import metrics
from gateway.web.frame import frame_routes
from gateway.web.links import link_routes

if TYPE_CHECKING:
    from gateway.bootstrap import House

STOP_SECONDS = 10.0
log = logging.getLogger("guichet.web")


def make_app(house: House) -> Starlette:
    """The application over one House; blocking work runs in Starlette's threads."""
    rows = metrics.registry(lambda: _figures(house))

    def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(_request: Request) -> Response:
        checks = readiness(house)
        ready = all(check["ok"] for check in checks.values())
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    def figures_page(_request: Request) -> Response:
        try:
            return Response(metrics.text(rows), media_type=metrics.CONTENT_TYPE)
        except SQLAlchemyError:
            return PlainTextResponse("the database cannot be read\n", status_code=503)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", figures_page), *frame_routes(house), *link_routes(house)])


def _figures(house: House) -> Figures:
    with house.database.read() as connection:
        connectors = house.setups.current(connection).connectors
        polled = [one.name for one in connectors if one.enabled and one.receives and one.incoming.get("kind") in POLLED_KINDS]
        return figures(connection, house.clock.now(), polled, [one.name for one in connectors if one.sends])


def readiness(house: House) -> dict[str, dict[str, Any]]:
    """Check → whether it is fine and, if not, a sentence without inner text: the page may be read by others."""
    checks: dict[str, dict[str, Any]] = {}
    try:
        with house.database.read() as connection:
            checks["database"] = {"ok": True}
            require_head(connection)
            checks["migrations"] = {"ok": True}
    except VersionTrouble as trouble:
        checks["migrations"] = {"ok": False, "because": str(trouble)}
    except (SQLAlchemyError, OSError) as fault:
        log.warning("database_away", extra={"fault": str(fault).splitlines()[0], "passing": is_passing_fault(fault)})
        checks["database"] = {"ok": False, "because": "the database cannot be reached"}
    return checks


class WebDoor:
    """A web server in a thread of its own. The port is taken when it is made, so that a port in use is an error at once."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._socket.getsockname()[1]
        options = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=int(STOP_SECONDS), server_header=False)
        self._server = uvicorn.Server(options)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Let running answers end, then close."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()


def start_web(house: House) -> Callable[[], None]:
    """Serve until the returned function is called. Raises OSError if the port is in use."""
    door = WebDoor(make_app(house), house.settings.web.host, house.settings.web.port)
    door.start()
    log.info("listening", extra={"role": "web", "host": house.settings.web.host, "port": door.port})
    return door.stop
