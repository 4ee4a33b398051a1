"""Cuts one day out of the BDEW standard load profiles of 2025 and prints it as CSV.

    pip download --no-deps demandlib==0.2.2
    python3 cut.py demandlib-0.2.2-py3-none-any.whl 2025-03-19 >bdew-2025-03-19.csv

It needs Python alone. README.md beside it says what the columns mean.
"""

import csv
import datetime
import io
import sys
import zipfile

MONTHS = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
          "November", "Dezember"]
DYNAMIC = {"h25": True, "p25": True, "g25": False}


def kind_of(day):
    """The profiles' three kinds of day; public holidays, which count as FT, are left to the caller."""
    return {5: "SA", 6: "FT"}.get(day.weekday(), "WT")


def dynamic_factor(day):
    """How much more than on an average day a household draws, by the day of the year."""
    d = float(day.timetuple().tm_yday)
    return -3.92e-10 * d**4 + 3.2e-7 * d**3 - 7.02e-5 * d**2 + 0.0021 * d + 1.24


def column(wheel, name, day):
    text = wheel.read("demandlib/bdew/bdew_data/%s.csv" % name).decode("utf-8")
    months, kinds, *quarters = csv.reader(io.StringIO(text))
    index = list(zip(months, kinds)).index((MONTHS[day.month - 1], kind_of(day)))
    factor = dynamic_factor(day) if DYNAMIC[name] else 1.0
    return [(row[0].split("-")[0], float(row[index]) * factor) for row in quarters if row]


def main(path, date):
    day = datetime.date.fromisoformat(date)
    with zipfile.ZipFile(path) as wheel:
        columns = [column(wheel, name, day) for name in DYNAMIC]
    print(",".join(["start", *DYNAMIC]))
    for quarter in zip(*columns):
        print(",".join([quarter[0][0], *("%.3f" % kwh for _, kwh in quarter)]))


main(*sys.argv[1:])
