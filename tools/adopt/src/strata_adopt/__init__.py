"""The commands `strata look` and `strata adopt`: look at a table, and make a project of it."""
