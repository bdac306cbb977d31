"""Charts as SVG text: pure functions, data in, drawing out. See docs/how-to for adding one."""

from metrics.charts.bars import Bar, bars
from metrics.charts.export import csv_file, svg_file
from metrics.charts.funnel import HATCH, Column, area, funnel
from metrics.charts.histogram import Bin, histogram
from metrics.charts.interval import Estimate, Mark, interval
from metrics.charts.line import Event, Level, Point, line
from metrics.charts.spark import spark
from metrics.charts.step import Steps, step
from metrics.charts.svg import Chart, Table
from metrics.charts.waterfall import Part, Total, waterfall

__all__ = [
    "HATCH",
    "Bar",
    "Bin",
    "Chart",
    "Column",
    "Estimate",
    "Event",
    "Level",
    "Mark",
    "Part",
    "Point",
    "Steps",
    "Table",
    "Total",
    "area",
    "bars",
    "csv_file",
    "funnel",
    "histogram",
    "interval",
    "line",
    "spark",
    "step",
    "svg_file",
    "waterfall",
]
