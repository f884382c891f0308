"""How a stage runs, how tables lie on disk, how one is built partition by partition."""

from kit.base.build import build_partitions, build_table
from kit.base.checks import read_checked, refuse, validate
from kit.base.files import read_yaml, write_text
from kit.base.stage import Fault, run
from kit.base.tables import FEATURES, partitions, progress, read, write, write_all

__all__ = [
    "FEATURES",
    "Fault",
    "build_partitions",
    "build_table",
    "partitions",
    "progress",
    "read",
    "read_checked",
    "read_yaml",
    "refuse",
    "run",
    "validate",
    "write",
    "write_all",
    "write_text",
]
