"""The embedded servers: each one process, one data folder, one loopback port, ended with its starter."""

from console.demo.mongo_server import MongoServer
from console.demo.postgres_install import NotInstalled
from console.demo.postgres_server import PostgresServer
from console.demo.server import ServerFailed

__all__ = ["MongoServer", "NotInstalled", "PostgresServer", "ServerFailed"]
