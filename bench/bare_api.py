"""The reference for ``bench.api``: FastAPI and SQLAlchemy alone, with the same queries and the same answers.

Run as a program with the database's URL and a socket's file descriptor; it knows no tokens, sites or errors.
"""

import socket
import sys
from collections.abc import Iterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from services.api.log.schemas import LogOut
from services.api.runs.schemas import RunList, RunOut
from shared.database.tables import Event, Run


def create_app(url: str) -> FastAPI:
    """Two endpoints as FastAPI's own tutorial has them: a session per request, a query, a response model."""
    engine = create_engine(url, pool_size=10, max_overflow=10)
    app = FastAPI()

    def _session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    session_dep = Annotated[Session, Depends(_session)]

    @app.get("/log", response_model=LogOut)
    def _read_log(session: session_dep, site_id: str, limit: int = 50) -> object:
        query = select(Event).where(Event.site_id == site_id).order_by(Event.id.desc()).limit(limit + 1)
        rows = list(session.scalars(query))
        more = len(rows) > limit
        return {"items": rows[:limit], "next_before": rows[limit - 1].id if more else None}

    @app.get("/runs", response_model=RunList)
    def _list_runs(session: session_dep, site_id: str, limit: int = 50) -> object:
        query = select(Run).where(Run.site_id == site_id).order_by(Run.id.desc()).limit(limit + 1)
        rows = list(session.scalars(query))
        more = len(rows) > limit
        return {
            "items": [RunOut.of(row) for row in rows[:limit]],
            "next_before": rows[limit - 1].id if more else None,
        }

    return app


if __name__ == "__main__":
    uvicorn.Server(uvicorn.Config(create_app(sys.argv[1]), log_config=None, access_log=False)).run(
        sockets=[socket.socket(fileno=int(sys.argv[2]))]
    )
