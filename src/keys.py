"""The names of the flights' columns that more than one stage must agree on."""

KEY = ["date", "origin", "carrier", "flight"]  # what makes a flight one flight
TARGET = "disrupted"  # 1: late by the threshold or more, cancelled or diverted; else 0
