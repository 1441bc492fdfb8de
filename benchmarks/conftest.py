"""The databases that the benchmarks run on."""

from tests.postgres import database_url as database_url
from tests.postgres import postgres_server as postgres_server
from tests.postgres import postgres_url as postgres_url
