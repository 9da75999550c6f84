"""The HTTP API of release 2."""

import json

from flask import Blueprint, Response, abort, jsonify, request
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from api import drain
from api.database import engine
from api.models import Reading, Zone, ZoneTag
from api.settings import RELEASE

api = Blueprint("api", __name__)


@api.get("/healthz")
def healthz() -> tuple[str, int]:
    return ("draining\n", 503) if drain.started() else ("ok\n", 200)


@api.get("/version")
def version() -> Response:
    """The release of this code, and the revisions that the database is at."""
    with engine.connect() as connection:
        rows = connection.scalars(text("SELECT version_num FROM alembic_version ORDER BY 1")).all()
    return jsonify(release=RELEASE, revisions=rows)


def describe(zone: Zone) -> dict[str, object]:
    return {"id": zone.id, "name": zone.name, "slug": zone.slug, "kind": zone.kind, "population": zone.population}


@api.get("/zones")
def zones() -> Response:
    with Session(engine) as session:
        return jsonify([describe(zone) for zone in session.scalars(select(Zone).order_by(Zone.id))])


@api.get("/zones/largest")
def largest_zone() -> Response:
    with Session(engine) as session:
        found = session.scalars(select(Zone).order_by(func.ST_Area(Zone.geom).desc(), Zone.id).limit(1)).one()
        tags = session.scalars(select(ZoneTag.tag).where(ZoneTag.zone_id == found.id)).all()
        return jsonify(describe(found) | {"tags": tags})


@api.get("/zones/<slug>")
def zone(slug: str) -> Response:
    with Session(engine) as session:
        row = session.execute(select(Zone, func.ST_AsGeoJSON(Zone.geom)).where(Zone.slug == slug)).first()
        if row is None:
            abort(404)
        return jsonify(describe(row[0]) | {"geometry": json.loads(row[1])})


@api.post("/zones")
def create_zone() -> tuple[Response, int]:
    body = request.get_json()
    shape = func.ST_Multi(func.ST_SetSRID(func.ST_GeomFromGeoJSON(json.dumps(body["geometry"])), 4326))
    with Session(engine) as session:
        created = Zone(name=body["name"], slug=body["slug"], geom=shape)
        session.add(created)
        session.commit()
        return jsonify(describe(created)), 201


@api.get("/at/<float:longitude>/<float:latitude>")
def zones_at(longitude: float, latitude: float) -> Response:
    """The zones that a point lies in."""
    point = func.ST_SetSRID(func.ST_MakePoint(longitude, latitude), 4326)
    with Session(engine) as session:
        found = session.scalars(select(Zone).where(func.ST_Covers(Zone.geom, point)).order_by(Zone.id))
        return jsonify([describe(zone) for zone in found])


@api.post("/zones/<int:zone_id>/readings")
def create_reading(zone_id: int) -> tuple[Response, int]:
    with Session(engine) as session:
        reading = Reading(zone_id=zone_id, value=float(request.get_json()["value"]))
        session.add(reading)
        session.commit()
        return jsonify(id=reading.id), 201
