"""How large the pages of a Parquet file are, by their own headers: its footer need not be true.

They are written in Thrift's compact protocol (apache/parquet-format, README and parquet.thrift).
"""

from collections.abc import Iterator
from dataclasses import dataclass

UNCOMPRESSED, COMPRESSED = 2, 3  # the fields of a header
DEEP = 9  # levels that no header has
BITS = 70  # of a whole number, seven a byte


def sizes(data: memoryview, start: int, end: int) -> Iterator[int]:
    """The bytes that each page takes, between two places of a file. Raises an error if one has no
    header that can be read."""
    while start < end:
        header = _Header(data, start)
        fields = header.fields()
        size, packed = fields[UNCOMPRESSED], fields[COMPRESSED]
        if min(size, packed) < 0:
            raise ValueError("a page has a size below 0")
        yield size
        start = header.at + packed


@dataclass
class _Header:
    data: memoryview
    at: int

    def fields(self, level: int = 0) -> dict[int, int]:
        """The whole numbers of a structure, by the number of the field."""
        values, field = dict[int, int](), 0
        if level > DEEP:
            raise ValueError("the header of a page nests too deep")
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            if head & 15 == 5:
                values[field] = self._number()
            else:
                self._skip(head & 15, level)
        return values

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < BITS:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("the header of a page has a number that never ends")

    def _number(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, kind: int, level: int) -> None:
        if kind in (4, 5, 6):  # whole numbers
            self._unsigned()
        elif kind in (3, 7):  # a byte, a float
            self.at += 1 if kind == 3 else 8
        elif kind == 8:  # bytes
            length = self._unsigned()
            self.at += length
        elif kind == 12:
            self.fields(level + 1)
        elif kind not in (1, 2):  # truths are their own kind
            raise ValueError("the header of a page has what none has")
