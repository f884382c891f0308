"""An ingest whose SQL runs in DuckDB, over Parquet files of any number and size: a month a file.

In:  lake/year=…/month=…/*.parquet, or s3://…: a sale a row; shop, sold_at, amount (DECIMAL).
Out: data/raw/MONTH.parquet, a day of a shop a row: sales, and what they came to.

The same bytes on any number of threads: rows are in the order of a key, and what is added up are
whole or decimal numbers. A sum of floats depends on its order; cast it to DECIMAL first.
"""

from pathlib import Path

import duckdb

LAKE = "lake/*/*/*.parquet"
RAW = Path("data/raw")
MONTHS = "SELECT DISTINCT year, month FROM read_parquet(?, hive_partitioning = true) ORDER BY ALL"
DAYS = """
    SELECT shop, CAST(sold_at AS DATE) AS day,
           CAST(count(*) AS BIGINT) AS sales,
           CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
    FROM read_parquet($lake, hive_partitioning = true)
    WHERE year = $year AND month = $month
    GROUP BY ALL
    ORDER BY ALL
"""


def main(threads: int | None = None) -> None:
    """Write a month at a time; of each, DuckDB reads its own files, and the columns it needs."""
    database = duckdb.connect()
    database.execute("SET memory_limit = '1GB'")
    if threads:
        database.execute(f"SET threads = {threads}")
    RAW.mkdir(parents=True, exist_ok=True)
    for year, month in database.execute(MONTHS, [LAKE]).fetchall():
        given = {"lake": LAKE, "year": year, "month": month}
        part = RAW / f"{year}-{int(month):02}.part"
        frame = database.sql(DAYS, params=given).to_arrow_table().to_pandas()
        frame.to_parquet(part, compression="zstd", index=False)
        part.replace(part.with_suffix(".parquet"))


if __name__ == "__main__":
    main()
