"""Testing a database on the wire."""

from pydantic import Field, SecretStr

from services.api.connections.use_cases.database import DatabaseAddress, DatabaseEncryption, DatabaseKind
from services.api.web.schemas import Answer, Request, example
from shared.database.migrate import State

# One host name or address, SQL Server's with an instance behind a backslash: nothing that would begin another option.
# No label is longer than 63 characters: a resolver could not even be asked.
_HOST = r"^[A-Za-z0-9_:-]{1,63}(\.[A-Za-z0-9_:-]{1,63})*\.?(\\[A-Za-z0-9_$#-]+)?$"


class DatabaseValues(Request):
    """A database server that is not in use yet."""

    model_config = example(
        kind="sqlserver",
        host="db.example.com\\SQLExpress",
        database="rollcall",
        user="rollcall",
        password="(not shown)",  # noqa: S106
    )
    kind: DatabaseKind
    host: str = Field(max_length=255, pattern=_HOST, description="SQL Server: HOST or HOST\\INSTANCE.")
    port: int | None = Field(None, ge=1, le=65535)
    database: str = Field(min_length=1, max_length=128)
    user: str = Field("", max_length=128, description="Empty with SQL Server: a trusted connection.")
    password: SecretStr = SecretStr("")
    encryption: DatabaseEncryption = DatabaseEncryption.REQUIRE

    @property
    def address(self) -> DatabaseAddress:
        """Where the database is, as the test takes it."""
        return DatabaseAddress(
            self.kind, self.host, self.database, self.user, self.password, self.port, self.encryption
        )


class DatabaseQuestion(Request):
    """Which database to test."""

    model_config = example(values=None)
    values: DatabaseValues | None = Field(None, description="Without values, that of this deployment.")


class DatabaseAnswer(Answer):
    """What was found; the tables are ``older`` than this Rollcall until `rollcall migrate` ran."""

    model_config = example(
        place="'rollcall' at db.example.com",
        product="SQL Server",
        version="16.0.4135",
        revision="0004",
        needed="0004",
        state="current",
        is_encrypted=None,
        warnings=[],
        url="mssql+pyodbc://rollcall@db.example.com/rollcall?Encrypt=yes",
        seconds=0.05,
    )
    place: str
    product: str
    version: str
    revision: str | None = Field(description="Of the tables; null when there are none yet.")
    needed: str
    state: State
    is_encrypted: bool | None = Field(description="Null where the database does not tell.")
    warnings: list[str]
    url: str = Field(description="ROLLCALL_DATABASE_URL; the password goes into ROLLCALL_DATABASE_PASSWORD.")
    seconds: float
